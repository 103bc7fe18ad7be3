/* SPDX-License-Identifier: MIT */
#include "show/keysyms.h"

#include <linux/input-event-codes.h>

/* Keysyms as in <X11/keysymdef.h> and <X11/XF86keysym.h>; those of ISO 8859-1 are its codes. */
static const struct sp_key KEYS[] = {
	{KEY_ESC, 0x01, {0xff1b}},
	{KEY_1, 0x02, {'1', '!'}},
	{KEY_2, 0x03, {'2', '@'}},
	{KEY_3, 0x04, {'3', '#'}},
	{KEY_4, 0x05, {'4', '$'}},
	{KEY_5, 0x06, {'5', '%'}},
	{KEY_6, 0x07, {'6', '^', 0xfe52}}, /* dead circumflex */
	{KEY_7, 0x08, {'7', '&'}},
	{KEY_8, 0x09, {'8', '*'}},
	{KEY_9, 0x0a, {'9', '('}},
	{KEY_0, 0x0b, {'0', ')'}},
	{KEY_MINUS, 0x0c, {'-', '_'}},
	{KEY_EQUAL, 0x0d, {'=', '+'}},
	{KEY_BACKSPACE, 0x0e, {0xff08}},
	{KEY_TAB, 0x0f, {0xff09, 0xfe20}}, /* ISO Left Tab: with shift */
	{KEY_Q, 0x10, {'q', 'Q'}},
	{KEY_W, 0x11, {'w', 'W'}},
	{KEY_E, 0x12, {'e', 'E'}},
	{KEY_R, 0x13, {'r', 'R'}},
	{KEY_T, 0x14, {'t', 'T'}},
	{KEY_Y, 0x15, {'y', 'Y'}},
	{KEY_U, 0x16, {'u', 'U'}},
	{KEY_I, 0x17, {'i', 'I'}},
	{KEY_O, 0x18, {'o', 'O'}},
	{KEY_P, 0x19, {'p', 'P'}},
	{KEY_LEFTBRACE, 0x1a, {'[', '{'}},
	{KEY_RIGHTBRACE, 0x1b, {']', '}'}},
	{KEY_ENTER, 0x1c, {0xff0d, 0xff0a}},
	{KEY_LEFTCTRL, 0x1d, {0xffe3}},
	{KEY_A, 0x1e, {'a', 'A'}},
	{KEY_S, 0x1f, {'s', 'S'}},
	{KEY_D, 0x20, {'d', 'D'}},
	{KEY_F, 0x21, {'f', 'F'}},
	{KEY_G, 0x22, {'g', 'G'}},
	{KEY_H, 0x23, {'h', 'H'}},
	{KEY_J, 0x24, {'j', 'J'}},
	{KEY_K, 0x25, {'k', 'K'}},
	{KEY_L, 0x26, {'l', 'L'}},
	{KEY_SEMICOLON, 0x27, {';', ':'}},
	{KEY_APOSTROPHE, 0x28, {'\'', '"', 0xfe51}}, /* dead acute */
	{KEY_GRAVE, 0x29, {'`', '~', 0xfe50}}, /* dead grave */
	{KEY_LEFTSHIFT, 0x2a, {0xffe1}},
	{KEY_BACKSLASH, 0x2b, {'\\', '|'}},
	{KEY_Z, 0x2c, {'z', 'Z'}},
	{KEY_X, 0x2d, {'x', 'X'}},
	{KEY_C, 0x2e, {'c', 'C'}},
	{KEY_V, 0x2f, {'v', 'V'}},
	{KEY_B, 0x30, {'b', 'B'}},
	{KEY_N, 0x31, {'n', 'N'}},
	{KEY_M, 0x32, {'m', 'M'}},
	{KEY_COMMA, 0x33, {',', '<'}},
	{KEY_DOT, 0x34, {'.', '>'}},
	{KEY_SLASH, 0x35, {'/', '?'}},
	{KEY_RIGHTSHIFT, 0x36, {0xffe2}},
	{KEY_KPASTERISK, 0x37, {0xffaa}},
	{KEY_LEFTALT, 0x38, {0xffe9, 0xffe7}}, /* Alt, Meta */
	{KEY_SPACE, 0x39, {' ', 0xa0}},
	{KEY_CAPSLOCK, 0x3a, {0xffe5}},
	{KEY_F1, 0x3b, {0xffbe, 0xff91}}, /* the second: a keypad's PF1 */
	{KEY_F2, 0x3c, {0xffbf, 0xff92}},
	{KEY_F3, 0x3d, {0xffc0, 0xff93}},
	{KEY_F4, 0x3e, {0xffc1, 0xff94}},
	{KEY_F5, 0x3f, {0xffc2}},
	{KEY_F6, 0x40, {0xffc3}},
	{KEY_F7, 0x41, {0xffc4}},
	{KEY_F8, 0x42, {0xffc5}},
	{KEY_F9, 0x43, {0xffc6}},
	{KEY_F10, 0x44, {0xffc7}},
	{KEY_NUMLOCK, 0x45, {0xff7f}},
	{KEY_SCROLLLOCK, 0x46, {0xff14}},
	{KEY_KP7, 0x47, {0xffb7, 0xff95}}, /* each with what it is without Num Lock */
	{KEY_KP8, 0x48, {0xffb8, 0xff97}},
	{KEY_KP9, 0x49, {0xffb9, 0xff9a}},
	{KEY_KPMINUS, 0x4a, {0xffad}},
	{KEY_KP4, 0x4b, {0xffb4, 0xff96}},
	{KEY_KP5, 0x4c, {0xffb5, 0xff9d}},
	{KEY_KP6, 0x4d, {0xffb6, 0xff98}},
	{KEY_KPPLUS, 0x4e, {0xffab}},
	{KEY_KP1, 0x4f, {0xffb1, 0xff9c}},
	{KEY_KP2, 0x50, {0xffb2, 0xff99}},
	{KEY_KP3, 0x51, {0xffb3, 0xff9b}},
	{KEY_KP0, 0x52, {0xffb0, 0xff9e}},
	{KEY_KPDOT, 0x53, {0xffae, 0xff9f}},
	{KEY_SYSRQ, 0x54, {0xff15, 0xff61}}, /* Sys Req, Print */
	{KEY_102ND, 0x56, {0xa6}}, /* broken bar: it has no character on a US keyboard */
	{KEY_F11, 0x57, {0xffc8}},
	{KEY_F12, 0x58, {0xffc9}},
	{KEY_KPEQUAL, 0x59, {0xffbd}},
	{KEY_F13, 0x5d, {0xffca}},
	{KEY_F14, 0x5e, {0xffcb}},
	{KEY_F15, 0x5f, {0xffcc}},
	{KEY_F16, 0x55, {0xffcd}},
	{KEY_F17, 0x83, {0xffce}},
	{KEY_F18, 0xf7, {0xffcf}},
	{KEY_F19, 0x84, {0xffd0}},
	{KEY_F20, 0x5a, {0xffd1}},
	{KEY_F21, 0x74, {0xffd2}},
	{KEY_F22, 0xf9, {0xffd3}},
	{KEY_F23, 0x6d, {0xffd4}},
	{KEY_F24, 0x6f, {0xffd5}},
	{KEY_KATAKANAHIRAGANA, 0x70, {0xff27}},
	{KEY_RO, 0x73, {0}},
	{KEY_HENKAN, 0x79, {0xff23}},
	{KEY_MUHENKAN, 0x7b, {0xff22}},
	{KEY_YEN, 0x7d, {0xa5}},
	{KEY_KPCOMMA, 0x7e, {0xffac}},
	{KEY_HANJA, 0xf1, {0xff34}},
	{KEY_HANGEUL, 0xf2, {0xff31}},
	{KEY_KPENTER, 0x9c, {0xff8d}},
	{KEY_RIGHTCTRL, 0x9d, {0xffe4}},
	{KEY_KPSLASH, 0xb5, {0xffaf}},
	{KEY_RIGHTALT, 0xb8, {0xffea, 0xfe03, 0xff7e}}, /* Alt, ISO Level3 Shift, Mode Switch */
	{KEY_PAUSE, 0xc6, {0xff13, 0xff6b}}, /* Pause, Break */
	{KEY_HOME, 0xc7, {0xff50}},
	{KEY_UP, 0xc8, {0xff52}},
	{KEY_PAGEUP, 0xc9, {0xff55}},
	{KEY_LEFT, 0xcb, {0xff51}},
	{KEY_RIGHT, 0xcd, {0xff53}},
	{KEY_END, 0xcf, {0xff57}},
	{KEY_DOWN, 0xd0, {0xff54}},
	{KEY_PAGEDOWN, 0xd1, {0xff56}},
	{KEY_INSERT, 0xd2, {0xff63}},
	{KEY_DELETE, 0xd3, {0xffff}},
	{KEY_LEFTMETA, 0xdb, {0xffeb}},
	{KEY_RIGHTMETA, 0xdc, {0xffec, 0xffe8}}, /* Super, Meta */
	{KEY_COMPOSE, 0xdd, {0xff67, 0xff20}}, /* Menu, Multi Key */
	{KEY_POWER, 0xde, {0x1008ff2a}},
	{KEY_SLEEP, 0xdf, {0x1008ff2f}},
	{KEY_WAKEUP, 0xe3, {0x1008ff2b}},
	{KEY_MUTE, 0xa0, {0x1008ff12}},
	{KEY_VOLUMEDOWN, 0xae, {0x1008ff11}},
	{KEY_VOLUMEUP, 0xb0, {0x1008ff13}},
	{KEY_PLAYPAUSE, 0xa2, {0x1008ff14, 0x1008ff31}}, /* Play, Pause */
	{KEY_STOPCD, 0xa4, {0x1008ff15}},
	{KEY_PREVIOUSSONG, 0x90, {0x1008ff16}},
	{KEY_NEXTSONG, 0x99, {0x1008ff17}},
	{KEY_CALC, 0xa1, {0x1008ff1d}},
	{KEY_HOMEPAGE, 0xb2, {0x1008ff18}},
	{KEY_MAIL, 0xec, {0x1008ff19}},
	{KEY_SEARCH, 0xe5, {0x1008ff1b}},
	{KEY_BOOKMARKS, 0xe6, {0x1008ff30}},
	{KEY_REFRESH, 0xe7, {0x1008ff29}},
	{KEY_STOP, 0xe8, {0x1008ff28}},
	{KEY_FORWARD, 0xe9, {0x1008ff27}},
	{KEY_BACK, 0xea, {0x1008ff26}},
};
#define COUNT (sizeof(KEYS) / sizeof(KEYS[0]))

const struct sp_key *sp_key_table(size_t *count) {
	*count = COUNT;
	return KEYS;
}

uint16_t sp_key_of_keysym(uint32_t keysym) {
	for (size_t i = 0; keysym && i < COUNT; i++) {
		for (size_t k = 0; k < SP_KEYSYMS; k++) {
			if (KEYS[i].keysyms[k] == keysym)
				return KEYS[i].code;
		}
	}
	return 0;
}

uint16_t sp_key_of_number(uint32_t number) {
	/* Print with Alt is a number of its own; most keyboards of today send this one. */
	if (number == 0xb7)
		return KEY_SYSRQ;
	for (size_t i = 0; i < COUNT; i++) {
		if (KEYS[i].number == number)
			return KEYS[i].code;
	}
	return 0;
}
