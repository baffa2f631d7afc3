// L and its gradient, row by row.
//
// A loss with a link (binary cross-entropy, cross-entropy, Poisson) takes the logit u of the output layer, any other
// the output z; `quantile` has a level τ for each output. The gradient of L = Σ wᵢ ℓᵢ / Σ wᵢ with respect to that
// argument becomes the output layer's δ.
#pragma once

#include <cmath>

#include "activations.hpp"

namespace chainrule {

enum class Loss { squared_error, binary_cross_entropy, cross_entropy, absolute_error, huber, poisson, quantile };

constexpr const char* LOSS_NAMES[] = {"squared_error", "binary_cross_entropy", "cross_entropy",
                                      "absolute_error", "huber", "poisson", "quantile"};

constexpr bool on_logits(Loss loss) {
    return loss == Loss::binary_cross_entropy || loss == Loss::cross_entropy || loss == Loss::poisson;
}

constexpr double HUBER_DELTA = 1.0;

// Rows of the output layer and what they should have been.
template <class T> struct Outcome {
    const T* a;             // u or z, row stride `stride`
    T* delta;               // gets ∂L/∂a, row stride `delta_stride`
    Index stride, delta_stride, outputs;
    const T* target;        // rows of `target_width` numbers
    Index target_width;     // `outputs`, or 1 for a class number
    const T* weight;        // one number a row, or null
    double scale;           // 1 / Σ w over the batch
    double* losses;         // gets wᵢ ℓᵢ
    const T* level;         // of `quantile`: τ of each output
};

template <Loss L, class T> inline void pointwise(T a, T t, T tau, T& loss, T& slope) {
    using enum_ = Loss;
    const T d = a - t;
    if constexpr (L == enum_::squared_error) loss = d * d, slope = d + d;
    if constexpr (L == enum_::absolute_error) loss = magnitude(d), slope = d > T(0) ? T(1) : d < T(0) ? T(-1) : d;
    if constexpr (L == enum_::huber) {
        const T clipped = larger(smaller(d, T(HUBER_DELTA)), T(-HUBER_DELTA));
        loss = clipped * (d - T(0.5) * clipped), slope = clipped;
    }
    if constexpr (L == enum_::binary_cross_entropy) {
        const T e = exponential(-magnitude(a)), share = T(1) / (T(1) + e);
        loss = larger(a, T(0)) - a * t + log_1_plus(e);
        slope = (a < T(0) ? e * share : share) - t;
    }
    if constexpr (L == enum_::poisson) {
        const T mean = exponential(a);
        loss = mean - t * a, slope = mean - t;
    }
    if constexpr (L == enum_::quantile) {
        const T above = T(1) - tau;
        loss = larger(above * d, -tau * d);
        slope = d > T(0) ? above : d < T(0) ? -tau : d + (T(0.5) - tau);
    }
}

// ℓ is the mean over the outputs. Entries are taken in blocks, across rows, so that one output vectorises as well.
template <Loss L, class T> void pointwise_rows(const Outcome<T>& o, Index rows) {
    constexpr int BLOCK = 64;
    alignas(64) T a[BLOCK], t[BLOCK], tau[BLOCK], loss[BLOCK], slope[BLOCK];
    const Index entries = rows * o.outputs;
    const double share = 1 / double(o.outputs), scale = o.scale * share;
    Index row = 0, column = 0, write_row = 0, write_column = 0;
    for (Index r = 0; r < rows; r++) o.losses[r] = 0;
    for (Index done = 0; done < entries; done += BLOCK) {
        const int count = int(entries - done < BLOCK ? entries - done : BLOCK);
        for (int i = 0; i < count; i++) {
            a[i] = o.a[row * o.stride + column];
            t[i] = o.target[done + i];
            tau[i] = L == Loss::quantile ? o.level[column] : T(0);
            if (++column == o.outputs) column = 0, row++;
        }
        const int whole = int(padded<T>(count));
        for (int i = count; i < whole; i++) a[i] = t[i] = tau[i] = T(0);
        for_units<T>(whole, [&](Index i) { pointwise<L>(a[i], t[i], tau[i], loss[i], slope[i]); });
        for (int i = 0; i < count; i++) {
            const double w = o.weight ? double(o.weight[write_row]) : 1.0;
            o.losses[write_row] += w * share * double(loss[i]);
            o.delta[write_row * o.delta_stride + write_column] = T(w * scale) * slope[i];
            if (++write_column == o.outputs) write_column = 0, write_row++;
        }
    }
}

// p = softmax(u) into p, over `outputs` entries; returns log Σ exp u.
template <class T> inline T softmax(Index outputs, const T* u, T* p) {
    T most = u[0];
    for (Index j = 1; j < outputs; j++) most = larger(u[j], most);
    for_units<T>(padded<T>(outputs), [=](Index j) { p[j] = exponential(u[j] - most); });
    T sum = T(0);
    for (Index j = 0; j < outputs; j++) sum += p[j];
    const T inverse = T(1) / sum;
    for_units<T>(padded<T>(outputs), [=](Index j) { p[j] = j < outputs ? p[j] * inverse : T(0); });
    return most + logarithm(sum);
}

template <class T> void cross_entropy_rows(const Outcome<T>& o, Index rows) {
    for (Index r = 0; r < rows; r++) {
        const T *u = o.a + r * o.stride, *target = o.target + r * o.target_width;
        T* delta = o.delta + r * o.delta_stride;
        const double w = o.weight ? double(o.weight[r]) : 1.0;
        const T scale = T(w * o.scale), log_sum = softmax(o.outputs, u, delta);
        double loss = 0;
        if (o.target_width == 1) {  // −log p_c, and ∂ℓ/∂u = p − e_c
            const Index c = Index(target[0]);
            loss = double(log_sum - u[c]);
            delta[c] -= T(1);
            for (Index j = 0; j < o.outputs; j++) delta[j] *= scale;
        } else {  // −Σ t log p, and ∂ℓ/∂u = p Σt − t
            T total = T(0);
            for (Index j = 0; j < o.outputs; j++) {
                loss += double(target[j] * (log_sum - u[j]));
                total += target[j];
            }
            for (Index j = 0; j < o.outputs; j++) delta[j] = scale * (delta[j] * total - target[j]);
        }
        o.losses[r] = w * loss;
    }
}

template <class T> using LossRows = void (*)(const Outcome<T>&, Index);

template <class T> LossRows<T> loss_rows(Loss loss) {
    switch (loss) {
        case Loss::squared_error: return pointwise_rows<Loss::squared_error, T>;
        case Loss::binary_cross_entropy: return pointwise_rows<Loss::binary_cross_entropy, T>;
        case Loss::absolute_error: return pointwise_rows<Loss::absolute_error, T>;
        case Loss::huber: return pointwise_rows<Loss::huber, T>;
        case Loss::poisson: return pointwise_rows<Loss::poisson, T>;
        case Loss::quantile: return pointwise_rows<Loss::quantile, T>;
        case Loss::cross_entropy: return cross_entropy_rows<T>;
    }
    return nullptr;
}

}  // namespace chainrule
