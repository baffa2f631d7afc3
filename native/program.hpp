// The three products of a step as lists of tiles, for a given number of rows and a given member of a team.
#pragma once

#include "network.hpp"

namespace chainrule {

template <class T> constexpr T LEAST = -std::numeric_limits<T>::infinity();

// Rows of Z that stay in the second cache while W's panels pass by.
template <class T> Index rows_in_cache(Index depth) {
    constexpr Index BYTES = 512 * 1024;
    return std::max<Index>(4 * MOST_ROWS, BYTES / Index(sizeof(T)) / depth / MOST_ROWS * MOST_ROWS);
}

// U = Z·W + b, or z where φ is ReLU, for rows [from, to) of layer l.
template <class T>
void append_forward(Calls<T>& calls, const Layers<T>& layers, const T* theta, Workspace<T>& w, Index l, Index from, Index to, bool logits) {
    const Layer<T>& layer = layers.all[l];
    auto &in = w.at[l], &out = w.at[l + 1];
    const Activation activation = layers.activation(l, logits);
    T* u = in_tile(activation) ? out.y : out.u;
    const T* z = w.training ? in.z : in.y;  // what dropout leaves
    const Index inputs = layer.plan.inputs, block = rows_in_cache<T>(inputs);
    for (Index row = from; row < to; row += block) {
        for (Index j = 0; j < layer.shape.count(); j++) {
            const T* panel = theta + layer.at + layer.shape.at(0, j);
            const Index width = layer.shape.width(j);
            append_product<T, Rows::UPRIGHT>(calls, std::min(block, to - row), width,
                {nullptr, z + row * in.stride, panel, panel + inputs * width, nullptr, u + row * out.stride + j * PANEL<T>,
                 in.stride, width, 0, out.stride, inputs, activation == Activation::relu ? T(0) : LEAST<T>, false, false});
        }
    }
}

// ∂L/∂z of boundary l from the Δ above it, for rows [from, to); behind a ReLU, ∂L/∂u.
template <class T>
void append_backward(Calls<T>& calls, const Layers<T>& layers, const T* turned, Workspace<T>& w, Index l, Index from, Index to) {
    const Layer<T>& layer = layers.all[l];
    auto &in = w.at[l], &out = w.at[l + 1];
    const bool gated = layers.all[l - 1].plan.activation == Activation::relu;
    const Index outputs = layer.plan.outputs, block = rows_in_cache<T>(outputs);
    for (Index row = from; row < to; row += block) {
        for (Index j = 0; j < layer.turned.count(); j++) {
            const Index width = layer.turned.width(j), column = j * PANEL<T>;
            append_product<T, Rows::UPRIGHT>(calls, std::min(block, to - row), width,
                {nullptr, out.delta + row * out.delta_stride, turned + layer.turned_at + layer.turned.at(0, j), nullptr,
                 gated ? in.y + row * in.stride + column : nullptr, in.delta + row * in.delta_stride + column,
                 out.delta_stride, width, in.stride, in.delta_stride, outputs, LEAST<T>, false, false});
        }
    }
}

// A tile of a gradient, where in the flat arrays it belongs, and how many entries at its end belong to b, where they count apart.
template <class T> struct GradientTile {
    Call<T> call;
    Index at, size, of_b;
};

// Rows [from, to) of ∂L/∂W_l = Zᵀ·Δ over a batch of `rows` rows, each tile into `scratch`; or, given `theta`, the step
// of plain gradient descent taken there. With `apart`, b's entries are told from W's.
template <class T>
void append_gradient(std::vector<GradientTile<T>>& tiles, const Layers<T>& layers, Workspace<T>& w, Index l, Index rows, Index from,
                     Index to, T* scratch, T* theta, bool apart) {
    const Layer<T>& layer = layers.all[l];
    auto &in = w.at[l], &out = w.at[l + 1];
    Calls<T> calls;
    for (Index j = 0; j < layer.shape.count(); j++) {
        const Index width = layer.shape.width(j);
        for_strips(to - from, tile_rows<T>(int(width / UNIT<T>)), [&](Index strip, int count) {
            const Index first = from + strip, at = layer.at + layer.shape.at(first, j);
            const bool ends_in_b = first + count > layer.plan.inputs;
            calls.clear();
            append_product<T, Rows::LYING>(calls, count, width,
                {nullptr, in.z + first, out.delta + j * PANEL<T>, nullptr, nullptr, theta ? theta + at : scratch, in.stride,
                 out.delta_stride, 0, width, rows, LEAST<T>, theta != nullptr, ends_in_b});
            // Where a strip takes several calls, the last one completes it.
            for (const auto& call : calls) tiles.push_back({call, at, 0, 0});
            tiles.back().size = count * width;
            if (apart && ends_in_b) tiles.back().of_b = width;
        });
    }
}

// A block of W to be transposed into Wᵀ.
template <class T> struct Turn {
    const T* from;
    T* to;
    Index from_stride, to_stride, live;
};

// Wᵀ again after rows [from, to) of W_l have changed.
template <class T>
void append_turns(std::vector<Turn<T>>& turns, const Layers<T>& layers, const T* theta, T* turned, Index l, Index from, Index to) {
    const Layer<T>& layer = layers.all[l];
    to = std::min(to, layer.plan.inputs);
    for (Index j = 0; j < layer.shape.count(); j++) {
        const Index width = layer.shape.width(j);
        for (Index i = from; i < to; i += UNIT<T>) {
            for (Index k = 0; k < width; k += UNIT<T>) {
                turns.push_back({theta + layer.at + layer.shape.at(i, j) + k,
                                 turned + layer.turned_at + layer.turned.entry(j * PANEL<T> + k, i), width,
                                 layer.turned.width(i / PANEL<T>), std::min<Index>(UNIT<T>, layer.plan.inputs - i)});
            }
        }
    }
}

template <class T> void run(const std::vector<Turn<T>>& turns) {
    for (const auto& t : turns) {
        if (t.live == UNIT<T>) transpose_unit(t.from, t.from_stride, UNIT<T>, t.to, t.to_stride);
        else transpose_unit(t.from, t.from_stride, t.live, t.to, t.to_stride);
    }
}

// f(offset, length) over rows [from, to) of `width` columns, in one stretch where the rows touch.
template <class T, class F> inline void for_rows(Index from, Index to, Index width, Index stride, F f) {
    if (stride == padded<T>(width)) return f(from * stride, (to - from) * stride);
    for (Index r = from; r < to; r++) f(r * stride, padded<T>(width));
}

// The forward pass of rows [from, to), from z[0] on.
template <class T> struct Forward {
    std::vector<Calls<T>> calls;
    Index from, to;
    bool logits;

    Forward(const Layers<T>& layers, const T* theta, Workspace<T>& w, Index from, Index to, bool logits)
        : calls(std::size_t(layers.count())), from(from), to(to), logits(logits) {
        for (Index l = 0; l < layers.count(); l++) append_forward(calls[l], layers, theta, w, l, from, to, logits);
    }

    // `between(l)` follows layer l.
    template <class F> void operator()(const Layers<T>& layers, Workspace<T>& w, F between) const {
        for (Index l = 0; l < layers.count(); l++) {
            run(calls[l]);
            activate(layers, w, l);
            between(l);
        }
    }

  private:
    void activate(const Layers<T>& layers, Workspace<T>& w, Index l) const {
        const Layer<T>& layer = layers.all[l];
        auto& out = w.at[l + 1];
        const Activation activation = layers.activation(l, logits);
        if (in_tile(activation)) return;
        if (activation == Activation::softmax) {
            for (Index r = from; r < to; r++) softmax(layer.plan.outputs, out.u + r * out.stride, out.y + r * out.stride);
            return;
        }
        for_rows<T>(from, to, layer.plan.outputs, out.stride,
                    [&](Index at, Index n) { layer.functions.forward(n, out.u + at, out.y + at); });
    }
};

// The backward pass of rows [from, to), from ∂L/∂a of the output (a as the loss takes it) down to the first layer's Δ.
template <class T> struct Backward {
    std::vector<Calls<T>> calls;
    Index from, to;

    Backward(const Layers<T>& layers, const T* turned, Workspace<T>& w, Index from, Index to)
        : calls(std::size_t(layers.count())), from(from), to(to) {
        for (Index l = 1; l < layers.count(); l++) append_backward(calls[l], layers, turned, w, l, from, to);
    }

    void operator()(const Layers<T>& layers, Workspace<T>& w) const {
        if (!on_logits(layers.loss)) output_delta(layers, w);
        for (Index l = layers.count() - 1; l > 0; l--) {
            run(calls[l]);
            auto& in = w.at[l];
            const LayerPlan& below = layers.all[l - 1].plan;
            for (Index r = from; in.mask && r < to; r++)
                for (Index j = 0; j < below.outputs; j++) in.delta[r * in.delta_stride + j] *= in.mask[r * in.stride + j];
            if (in_tile(below.activation)) continue;
            for (Index r = from; r < to; r++)
                layers.all[l - 1].functions.backward(padded<T>(below.outputs), in.u + r * in.stride, in.y + r * in.stride,
                                                     in.delta + r * in.delta_stride);
        }
    }

  private:
    // ∂L/∂z of the output becomes ∂L/∂u.
    void output_delta(const Layers<T>& layers, Workspace<T>& w) const {
        const Layer<T>& layer = layers.all.back();
        if (layer.plan.activation == Activation::identity) return;
        auto& out = w.at.back();
        const Index outputs = layer.plan.outputs;
        for (Index r = from; r < to; r++) {
            T* delta = out.delta + r * out.delta_stride;
            const T *u = out.u + r * out.stride, *y = out.y + r * out.stride;
            if (layer.plan.activation == Activation::softmax) {  // δ = y ∘ (g − Σ g y)
                T sum = T(0);
                for (Index j = 0; j < outputs; j++) sum += delta[j] * y[j];
                for (Index j = 0; j < outputs; j++) delta[j] = y[j] * (delta[j] - sum);
            } else {
                layer.functions.backward(padded<T>(outputs), u, y, delta);
                for (Index j = outputs; j < padded<T>(outputs); j++) delta[j] = T(0);
            }
        }
    }
};

constexpr std::uint64_t NO_DROPOUT = 0;

// z = y·mask, the mask drawn from the place of the unit in the batch; with NO_DROPOUT as the step's key all are kept.

template <class T> void drop(const LayerPlan& plan, typename Workspace<T>::Boundary& out, Index from, Index to, std::uint64_t step_key,
                             std::uint64_t l) {
    const double p = step_key == NO_DROPOUT ? 0 : plan.dropout;
    const std::uint64_t key = extended(step_key, l);
    const auto threshold = std::uint32_t(p * 4294967296.0);
    const T scale = T(1 / (1 - p));
    for (Index r = from; r < to; r++) {
        T *y = out.y + r * out.stride, *mask = out.mask + r * out.stride, *z = out.z + r * out.stride;
        for (Index j = 0; j < plan.outputs; j++) mask[j] = kept(std::uint32_t(r * plan.outputs + j), key, threshold) ? scale : T(0);
        for (Index j = 0; j < plan.outputs; j++) z[j] = y[j] * mask[j];
    }
}

// One member's part of a step on `rows` rows: its rows forward and backward, then its rows of every weight matrix.
template <class T> struct Program {
    Index rows, from, to;
    Index first_input, last_input;  // the rows of the first W, b included, that this member updates
    Forward<T> forward;
    Backward<T> backward;
    struct Weights {
        std::vector<GradientTile<T>> tiles;
        std::vector<Turn<T>> turns;
    };
    std::vector<Weights> weights;
    Buffer<T> scratch;

    // With `descend`, the gradient's tiles take the step of plain gradient descent themselves; `apart` as in append_gradient.
    Program(const Layers<T>& layers, T* theta, T* turned, Workspace<T>& w, Index rows, const Member& me, bool descend, bool apart)
        : rows(rows), from(me.from(rows, 1)), to(me.to(rows, 1)), forward(layers, theta, w, from, to, on_logits(layers.loss)),
          backward(layers, turned, w, from, to), weights(std::size_t(layers.count())), scratch(MOST_ROWS * PANEL<T>) {
        for (Index l = 0; l < layers.count(); l++) {
            const Index height = layers.all[l].plan.inputs + 1, first = me.from(height, UNIT<T>), last = me.to(height, UNIT<T>);
            if (l == 0) first_input = first, last_input = last;
            append_gradient(weights[l].tiles, layers, w, l, rows, first, last, scratch.get(), descend ? theta : nullptr, apart);
            if (l > 0) append_turns(weights[l].turns, layers, static_cast<const T*>(theta), turned, l, first, last);
        }
    }

    // z[0] is filled: forward with dropout.
    void run_forward(const Layers<T>& layers, Workspace<T>& w, std::uint64_t dropout_key) const {
        restore_ones(layers, w, 0);
        forward(layers, w, [&](Index l) {
            if (w.at[l + 1].mask) drop<T>(layers.all[l].plan, w.at[l + 1], from, to, dropout_key, std::uint64_t(l));
            if (l + 1 < layers.count()) restore_ones(layers, w, l + 1);
        });
    }

    // f(offset in the flat arrays, size, gradient, whether it is b's) for each stretch of layer l's gradient.
    template <class F> void for_gradient(Index l, F f) const {
        for (const auto& tile : weights[l].tiles) {
            tile.call.tile(tile.call, {});
            const Index of_w = tile.size - tile.of_b;
            if (of_w) f(tile.at, of_w, scratch.get(), false);
            if (tile.of_b) f(tile.at + of_w, tile.of_b, scratch.get() + of_w, true);
        }
    }

  private:
    // The column of ones is overwritten where the features leave room in their last unit.
    void restore_ones(const Layers<T>& layers, Workspace<T>& w, Index l) const {
        const Index width = layers.width(l);
        if (width % UNIT<T> == 0) return;
        for (Index r = from; r < to; r++) w.at[l].z[r * w.at[l].stride + width] = T(1);
    }
};

}  // namespace chainrule
