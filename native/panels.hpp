// How a weight matrix lies in memory: in panels of 32 floats (16 doubles) of columns, each panel row after row, so
// that every tile of a product reads and writes one contiguous stretch. The last panel is as narrow as whole units
// allow.
#pragma once

#include "simd.hpp"

namespace chainrule {

constexpr int PANEL_UNITS = 4;
template <class T> constexpr Index PANEL = PANEL_UNITS * UNIT<T>;

template <class T> struct Panels {
    Index rows = 0, columns = 0;

    Index count() const { return (columns + PANEL<T> - 1) / PANEL<T>; }
    Index width(Index panel) const {
        const Index left = columns - panel * PANEL<T>;
        return left >= PANEL<T> ? PANEL<T> : padded<T>(left);
    }
    Index at(Index row, Index panel) const { return panel * PANEL<T> * rows + row * width(panel); }
    Index entry(Index row, Index column) const { return at(row, column / PANEL<T>) + column % PANEL<T>; }
    Index size() const { return rows * padded<T>(columns); }
};

template <class T, class V, int N> inline void load_unit(const T* from, Index stride, Index live, V (&r)[N]) {
    if (live == N) {
        for (int i = 0; i < N; i++) r[i] = load<V>(from + i * stride);
    } else {
        for (int i = 0; i < N; i++) r[i] = i < live ? load<V>(from + i * stride) : V{};
    }
}

// One unit-by-unit block transposed: `live` rows at `from`, further rows taken as zeros.
inline void transpose_unit(const float* from, Index from_stride, Index live, float* to, Index to_stride) {
    using V = Vector<float, UNIT_BYTES>;
    V r[8], s[8];
    load_unit(from, from_stride, live, r);
    for (int i = 0; i < 8; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int h = 0; h < 8; h += 4) {
        r[h] = __builtin_shufflevector(s[h], s[h + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        r[h + 1] = __builtin_shufflevector(s[h], s[h + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        r[h + 2] = __builtin_shufflevector(s[h + 1], s[h + 3], 0, 1, 8, 9, 4, 5, 12, 13);
        r[h + 3] = __builtin_shufflevector(s[h + 1], s[h + 3], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int i = 0; i < 4; i++) {
        store<V>(to + i * to_stride, __builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11));
        store<V>(to + (i + 4) * to_stride, __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15));
    }
}

inline void transpose_unit(const double* from, Index from_stride, Index live, double* to, Index to_stride) {
    using V = Vector<double, UNIT_BYTES>;
    V r[4], s[4];
    load_unit(from, from_stride, live, r);
    for (int i = 0; i < 4; i += 2) {
        s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 4, 2, 6);
        s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 5, 3, 7);
    }
    for (int i = 0; i < 2; i++) {
        store<V>(to + i * to_stride, __builtin_shufflevector(s[i], s[i + 2], 0, 1, 4, 5));
        store<V>(to + (i + 2) * to_stride, __builtin_shufflevector(s[i], s[i + 2], 2, 3, 6, 7));
    }
}

}  // namespace chainrule
