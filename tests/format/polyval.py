"""POLYVAL (RFC 8452, section 3) by tables, fast enough for some ten megabytes."""

POLYNOMIAL = 1 << 128 | 1 << 127 | 1 << 126 | 1 << 121 | 1
BLOCK = 16


def dot(a, b):
    """a * b * x^-128: the product of POLYVAL, of numbers whose bit i is the coefficient of x^i."""
    result = 0
    for i in range(128):
        if a >> i & 1:
            result ^= b
        if result & 1:
            result ^= POLYNOMIAL
        result >>= 1
    return result


class Multiplier:
    """Multiplies by one number, with a table of all 256 values for each byte of the other."""

    def __init__(self, factor):
        shifted = dot(1, factor)
        self.tables = []
        for _ in range(BLOCK):
            table = [0]
            for _ in range(8):
                table += [entry ^ shifted for entry in table]
                shifted <<= 1
                if shifted >> 128:
                    shifted ^= POLYNOMIAL
            self.tables.append(table)

    def polyval(self, data):
        """16 bytes for a whole number of blocks."""
        if not data or len(data) % BLOCK:
            raise ValueError("POLYVAL takes whole blocks")
        t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15 = self.tables
        number = int.from_bytes
        state = 0
        for at in range(0, len(data), BLOCK):
            b = (state ^ number(data[at : at + BLOCK], "little")).to_bytes(BLOCK, "little")
            state = (
                t0[b[0]] ^ t1[b[1]] ^ t2[b[2]] ^ t3[b[3]]
                ^ t4[b[4]] ^ t5[b[5]] ^ t6[b[6]] ^ t7[b[7]]
                ^ t8[b[8]] ^ t9[b[9]] ^ t10[b[10]] ^ t11[b[11]]
                ^ t12[b[12]] ^ t13[b[13]] ^ t14[b[14]] ^ t15[b[15]]
            )
        return state.to_bytes(BLOCK, "little")
