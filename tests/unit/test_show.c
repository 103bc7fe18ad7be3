/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/input-event-codes.h>

#include "base/bytes.h"
#include "show/keysyms.h"
#include "show/rfb.h"
#include "show/tiles.h"
#include "show/typing.h"
#include "show/vnc.h"

/* Each key is found by all of its names, and no name is two keys'. */
static void test_table(void **state) {
	size_t count;
	const struct sp_key *keys = sp_key_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_in_range(keys[i].code, 1, SP_TYPING_KEYS - 1);
		assert_int_not_equal(keys[i].number, 0);
		assert_int_equal(sp_key_of_number(keys[i].number), keys[i].code);
		for (size_t k = 0; k < SP_KEYSYMS && keys[i].keysyms[k]; k++)
			assert_int_equal(sp_key_of_keysym(keys[i].keysyms[k]), keys[i].code);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(keys[i].code, keys[j].code);
	}
	assert_int_equal(sp_key_of_keysym(0), 0);
	assert_int_equal(sp_key_of_number(0), 0);
	assert_int_equal(sp_key_of_number(256 + 0x1e), 0);
	assert_int_equal(sp_key_of_keysym(0xe4), 0);
}

/* Against numbers and names written down elsewhere: XT's, and what a US keyboard has on it. */
static void test_keys(void **state) {
	static const char lower[] = "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./";
	static const char upper[] = "~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:\"ZXCVBNM<>?";
	static const uint16_t first[] = {KEY_F1, KEY_F13, KEY_KP0, KEY_HOME};

	(void)state;
	/* All that ASCII can print. */
	for (uint32_t c = 0x20; c < 0x7f; c++)
		assert_int_not_equal(sp_key_of_keysym(c), 0);
	assert_int_equal(strlen(lower), strlen(upper));
	for (size_t i = 0; lower[i]; i++)
		assert_int_equal(
			sp_key_of_keysym((uint8_t)lower[i]), sp_key_of_keysym((uint8_t)upper[i]));
	/* Up to F10 and the keypad, Linux numbers keys as XT does. */
	for (uint32_t number = 1; number <= 0x53; number++)
		assert_int_equal(sp_key_of_number(number), number);
	for (uint32_t i = 0; i < 24; i++)
		assert_int_equal(sp_key_of_keysym(0xffbe + i),
			i < 10           ? first[0] + i
				: i < 12 ? KEY_F11 + i - 10u
					 : first[1] + i - 12);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_not_equal(sp_key_of_keysym(0xffb0 + i), 0);
	assert_int_equal(sp_key_of_keysym(0xffb0), first[2]);
	assert_int_equal(sp_key_of_keysym(0xff50), first[3]);
	assert_int_equal(sp_key_of_keysym(0xff8d), KEY_KPENTER);
	assert_int_equal(sp_key_of_keysym(0xffe4), KEY_RIGHTCTRL);
	assert_int_equal(sp_key_of_keysym(0xffff), KEY_DELETE);
	assert_int_equal(sp_key_of_number(0xd3), KEY_DELETE);
	assert_int_equal(sp_key_of_number(0xb7), KEY_SYSRQ);
	assert_int_equal(sp_key_of_number(0x54), KEY_SYSRQ);
	assert_int_equal(sp_key_of_number(0x57), KEY_F11);
}

static void test_tiles(void **state) {
	const struct sp_rectangle part = {60, 60, 5, 5}, far = {4000, 0, 10, 10}, none = {0};
	uint8_t memory[70 * 210];
	struct sp_tiles tiles = {0};
	struct sp_tile_set set = {0};
	struct sp_rectangle place;

	(void)state;
	memset(memory, 0, sizeof(memory));
	assert_true(sp_tiles_make(&tiles, 100, 70, SP_FORMAT_RGB565));
	assert_int_equal(sp_tiles_count(&tiles), 4);
	place = sp_tiles_place(&tiles, 3);
	assert_int_equal(place.x, 64);
	assert_int_equal(place.y, 64);
	assert_int_equal(place.width, 36);
	assert_int_equal(place.height, 6);
	for (uint32_t tile = 0; tile < 4; tile++)
		assert_false(sp_tiles_look(&tiles, memory, 210, tile));
	/* Between the lines lies nothing of the picture. */
	memset(memory + 200, 0xff, 10);
	assert_false(sp_tiles_look(&tiles, memory, 210, 1));
	memory[69 * 210 + 199] = 1;
	assert_false(sp_tiles_look(&tiles, memory, 210, 1));
	assert_false(sp_tiles_look(&tiles, memory, 210, 2));
	assert_true(sp_tiles_look(&tiles, memory, 210, 3));
	assert_false(sp_tiles_look(&tiles, memory, 210, 3));
	assert_int_equal(tiles.copy[69 * 200 + 199], 1);
	assert_true(sp_tiles_look(&tiles, NULL, 0, 3));
	assert_int_equal(tiles.copy[69 * 200 + 199], 0);

	assert_true(sp_tile_set_make(&set, 4));
	assert_int_equal(sp_tile_set_take(&set, 0), UINT32_MAX);
	sp_tile_set_add_part(&set, &tiles, &far);
	sp_tile_set_add_part(&set, &tiles, &none);
	assert_int_equal(set.count, 0);
	sp_tile_set_add_part(&set, &tiles, &part);
	sp_tile_set_add_part(&set, &tiles, &part);
	assert_int_equal(set.count, 4);
	assert_int_equal(sp_tile_set_take(&set, 2), 2);
	assert_int_equal(sp_tile_set_find(&set, 2), 3);
	assert_int_equal(sp_tile_set_find(&set, 4), UINT32_MAX);
	assert_int_equal(sp_tile_set_take(&set, 0), 0);
	sp_tile_set_add(&set, 4);
	assert_int_equal(set.count, 2);
	assert_true(sp_tile_set_make(&set, 64));
	sp_tile_set_add_all(&set);
	assert_int_equal(set.count, 64);
	assert_int_equal(sp_tile_set_take(&set, 63), 63);
	assert_int_equal(sp_tile_set_take(&set, 63), UINT32_MAX);
	sp_tile_set_release(&set);
	sp_tiles_release(&tiles);
}

/* Only what the encoder is meant to see is left. */
static void test_encodings(void **state) {
	static const int32_t named[] = {16, 1, 2, 7, -260, 5, -307, -309, -239, -240, -232, -224,
		-223, -308, -258, -313, (int32_t)0xc0a1e5ce, -32, -23, -33, -22, -256, -247, 6, 0,
		(int32_t)0xffff8000, (int32_t)0xfffe0000};
	static const int32_t kept[] = {
		16, 7, 5, -239, -224, -223, -308, -32, -23, -256, -247, 6, 0};
	uint8_t message[4 + sizeof(named)] = {2, 0, 0, sizeof(named) / 4};

	(void)state;
	for (size_t i = 0; i < sizeof(named) / 4; i++)
		sp_store_be32(message + 4 + 4 * i, (uint32_t)named[i]);
	assert_true(sp_rfb_has_encoding(message, -258));
	assert_int_equal(sp_rfb_keep_encodings(message), 4 + sizeof(kept));
	assert_int_equal(sp_rfb_u16(message + 2), sizeof(kept) / 4);
	for (size_t i = 0; i < sizeof(kept) / 4; i++)
		assert_int_equal((int32_t)sp_load_be32(message + 4 + 4 * i), kept[i]);
	assert_false(sp_rfb_has_encoding(message, -258));
}

static int bound(const void *address, socklen_t size) {
	int listener = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM, 0);

	if (listener >= 0 && bind(listener, address, size)) {
		close(listener);
		return -1;
	}
	return listener;
}

static bool may(const char *text, const char *password, struct sp_error *error) {
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	bool four = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
	int listener;
	bool agreed;

	assert_true(four || inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
	listener = four ? bound(&v4, sizeof(v4)) : bound(&v6, sizeof(v6));
	if (listener < 0)
		return !password && strchr(text, ':') && strstr(text, "1"); /* no IPv6 here */
	agreed = sp_vnc_may_listen(listener, password, error);
	close(listener);
	return agreed;
}

static void test_addresses(void **state) {
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "\0sallyport-test-show"};
	struct sp_error error;
	int listener = bound(&local, sizeof(local));

	(void)state;
	assert_true(listener >= 0);
	assert_true(sp_vnc_may_listen(listener, NULL, &error));
	close(listener);
	assert_true(may("127.0.0.1", NULL, &error));
	assert_true(may("127.1.2.3", NULL, &error));
	assert_true(may("::1", NULL, &error));
	assert_false(may("0.0.0.0", NULL, &error));
	assert_string_equal(
		error.message, "VNC at 0.0.0.0, which other machines may reach, needs a password");
	assert_true(may("0.0.0.0", "secret", &error));
	assert_false(may("::", NULL, &error));
	assert_false(sp_vnc_may_listen(-1, NULL, &error));
}

static bool read_it(const char *text, mode_t mode, char *password, struct sp_error *error) {
	char path[] = "/tmp/sallyport-show-XXXXXX";
	int file = mkstemp(path);
	bool good;

	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(file, mode), 0);
	close(file);
	good = sp_vnc_read_password(path, password, error);
	unlink(path);
	return good;
}

static void test_password_file(void **state) {
	char password[SP_VNC_PASSWORD_MAX + 1];
	struct sp_error error;

	(void)state;
	assert_true(read_it("secret\n", 0600, password, &error));
	assert_string_equal(password, "secret");
	assert_true(read_it("12345678", 0400, password, &error));
	assert_string_equal(password, "12345678");
	assert_true(read_it("12345678\r\nmore", 0600, password, &error));
	assert_string_equal(password, "12345678");
	assert_false(read_it("123456789\n", 0600, password, &error));
	assert_false(read_it("", 0600, password, &error));
	assert_false(read_it("\n", 0600, password, &error));
	assert_false(read_it("secret\n", 0640, password, &error));
	assert_non_null(strstr(error.message, "others may read this password"));
	assert_false(sp_vnc_read_password("/tmp", password, &error));
	assert_false(sp_vnc_read_password("/nowhere/at/all", password, &error));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_tiles),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_password_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
