# SPDX-License-Identifier: MIT
"""One block of DES (FIPS 46-3), for VNC's password. Tables count bits from 1 at the left."""

IP = bytes.fromhex(
    "3a322a221a120a023c342c241c140c043e362e261e160e06403830282018100839312921191109013b332b231b130b03"
    "3d352d251d150d053f372f271f170f07")
E = bytes.fromhex(
    "20010203040504050607080908090a0b0c0d0c0d0e0f101110111213141514151617181918191a1b1c1d1c1d1e1f2001")
P = bytes.fromhex(
    "100714151d0c1c11010f171a05121f0a0208180e201b0309130d1e06160b0419")
PC1 = bytes.fromhex(
    "39312921191109013a322a221a120a023b332b231b130b033c342c243f372f271f170f073e362e261e160e063d352d25"
    "1d150d051c140c04")
PC2 = bytes.fromhex(
    "0e110b180105031c0f06150a17130c041a0810071b140d0229341f252f371e28332d21302c31273822352e2a32241d20")
SHIFTS = (1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1)
BOXES = [[int(digit, 16) for digit in box] for box in (
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
)]


def bits(data):
    return [byte >> (7 - i) & 1 for byte in data for i in range(8)]


def number(digits):
    return int("".join(map(str, digits)), 2)


def chosen(digits, table):
    return [digits[at - 1] for at in table]


def round_keys(key):
    halves = chosen(bits(key), PC1)
    left, right = halves[:28], halves[28:]
    for shift in SHIFTS:
        left, right = left[shift:] + left[:shift], right[shift:] + right[:shift]
        yield chosen(left + right, PC2)


def mangled(right, key):
    wide = [a ^ b for a, b in zip(chosen(right, E), key)]
    out = []
    for i, box in enumerate(BOXES):
        six = wide[6 * i:6 * i + 6]
        value = box[number([six[0], six[5]]) * 16 + number(six[1:5])]
        out += [value >> shift & 1 for shift in (3, 2, 1, 0)]
    return chosen(out, P)


def encrypt(key, block):
    """Eight bytes each."""
    digits = chosen(bits(block), IP)
    left, right = digits[:32], digits[32:]
    for key_bits in round_keys(key):
        left, right = right, [a ^ b for a, b in zip(left, mangled(right, key_bits))]
    joined = right + left
    out = [0] * 64
    for at, to in enumerate(IP):
        out[to - 1] = joined[at]
    return number(out).to_bytes(8, "big")
