// One tile of a matrix product, held in registers: C = finish(start + A·B).
//
// The tile has MR rows and UNITS units of columns. Each entry is one sum, taken in the order of the index k by fused
// multiply-adds: its bits depend neither on the instruction set nor on how a product is cut into tiles.
#pragma once

#include <utility>

#include "simd.hpp"

namespace chainrule {

// f(0), f(1), … f(N−1), unrolled while compiling, so that arrays indexed by it live in registers.
template <class F, int... I> __attribute__((always_inline)) inline void unroll_(F& f, std::integer_sequence<int, I...>) {
    (f(std::integral_constant<int, I>()), ...);
}
template <int N, class F> __attribute__((always_inline)) inline void each(F f) {
    unroll_(f, std::make_integer_sequence<int, N>());
}

// Rows of A: element (i, k) is at a[i*row + k] (UPRIGHT) or at a[k*row + i] (LYING, the transpose of a stored matrix).
enum class Rows { UPRIGHT, LYING };

// W ← W − rate·(G + decay·W).
template <class T> struct Descent {
    T rate, decay;
};

// A step of gradient descent on a layer: W's and b's.
template <class T> struct Descents {
    Descent<T> of_w, of_b;
    bool decays() const { return of_w.decay != T(0) || of_b.decay != T(0); }
};

// What a tile computes and what becomes of its sums.
template <class T> struct Call {
    void (*tile)(const Call&, const Descents<T>&);
    const T *a, *b;         // A, see Rows; B with `depth` rows, b_stride apart
    const T* start;         // every row's sums begin here, at b of the layer; or at 0 without it
    const T* gate;          // if given, C is kept where gate > 0 and is 0 elsewhere: δ·h(u) of a ReLU layer
    T* c;
    Index row, b_stride, gate_stride, c_stride, depth;
    T floor;                // z = max(u, floor): 0 for ReLU, −∞ to leave u as it is; NaN stays NaN
    bool descend;           // C is W and the sums are its gradient: the step of gradient descent on the spot
    bool ends_in_b;         // the last row of C is b
};

template <class T, int UNITS> struct TileShape {
    static constexpr int BYTES = UNITS * UNIT_BYTES;
    static constexpr int WHOLE = BYTES / VECTOR_BYTES;                 // full vectors a row
    static constexpr bool HALF = BYTES % VECTOR_BYTES != 0;            // and half a vector (AVX-512 only)
    static constexpr int VECTORS = WHOLE + HALF;
    static constexpr int ROWS = REGISTERS == 32 ? 12 : VECTORS == 1 ? 12 : VECTORS == 2 ? 6 : 4;
};

template <class T, int UNITS, int MR, Rows ROWS>
__attribute__((noinline)) void tile(const Call<T>& call, const Descents<T>& descents) {
    using Shape = TileShape<T, UNITS>;
    using V = Vector<T>;
    using H = Vector<T, UNIT_BYTES>;
    constexpr int NV = Shape::WHOLE, W = VECTOR_BYTES / int(sizeof(T)), HALF_AT = NV * W;
    constexpr int NV_ = NV ? NV : 1;
    const T *a = call.a, *b = call.b;
    const Index row = call.row, b_stride = call.b_stride, depth = call.depth;
    V sum[MR][NV_];
    H half[MR];
    const auto begin = [&](auto first) __attribute__((always_inline)) {
        each<NV>([&](auto v) {
            const V x = first(V{}, v * W);
            each<MR>([&](auto i) { sum[i][v] = x; });
        });
        if constexpr (Shape::HALF) {
            const H x = first(H{}, HALF_AT);
            each<MR>([&](auto i) { half[i] = x; });
        }
    };
    if (call.start) {
        begin([&](auto x, int at) __attribute__((always_inline)) { return load<decltype(x)>(call.start + at); });
    } else {
        begin([](auto x, int) __attribute__((always_inline)) { return x; });
    }
    for (Index k = 0; k < depth; k++) {
        V bv[NV_];
        H bh;
        each<NV>([&](auto v) { bv[v] = load<V>(b + v * W); });
        if constexpr (Shape::HALF) bh = load<H>(b + HALF_AT);
        each<MR>([&](auto i) {
            const T x = ROWS == Rows::LYING ? a[i] : a[i * row];
            each<NV>([&](auto v) { sum[i][v] += x * bv[v]; });
            if constexpr (Shape::HALF) half[i] += x * bh;
        });
        a += ROWS == Rows::LYING ? row : 1;
        b += b_stride;
    }
    const auto finished = [&](auto finish_one) __attribute__((always_inline)) {
        each<MR>([&](auto i) {
            each<NV>([&](auto v) { finish_one(i, v * W, sum[i][v]); });
            if constexpr (Shape::HALF) finish_one(i, HALF_AT, half[i]);
        });
    };
    T* const c = call.c;
    const Index stride = call.c_stride;
    if (call.descend) {
        const auto last = call.ends_in_b ? descents.of_b : descents.of_w;
        const auto descend = [&](auto moved) __attribute__((always_inline)) {
            finished([&](int i, int at, auto s) __attribute__((always_inline)) {
                T* out = c + i * stride + at;
                store(out, moved(load<decltype(s)>(out), s, i == MR - 1 ? last : descents.of_w));
            });
        };
        if (descents.decays()) descend([](auto w, auto g, Descent<T> d) __attribute__((always_inline)) { return w - d.rate * (g + d.decay * w); });
        else descend([](auto w, auto g, Descent<T> d) __attribute__((always_inline)) { return w - d.rate * g; });
    } else if (call.gate) {
        finished([&](int i, int at, auto s) __attribute__((always_inline)) {
            const auto gate = load<decltype(s)>(call.gate + i * call.gate_stride + at);
            store(c + i * stride + at, gate > T(0) ? s : decltype(s){});
        });
    } else {
        finished([&](int i, int at, auto s) __attribute__((always_inline)) {
            store(c + i * stride + at, s < call.floor ? decltype(s){} + call.floor : s);
        });
    }
}

}  // namespace chainrule
