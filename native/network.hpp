// Layers, the rows that travel through them, and the three products of a step:
//   forward   U = Z·W + b        backward   ∂L/∂Z = Δ·Wᵀ        gradient   ∂L/∂W = Zᵀ·Δ
// Z carries a column of ones behind its features, and b is the last row of W: the gradient of b is one more row of the
// third product. Layers and their boundaries are counted from the input: layer l takes z[l] to z[l + 1].
#pragma once

#include <vector>

#include "chance.hpp"
#include "losses.hpp"
#include "memory.hpp"
#include "optimizers.hpp"
#include "product.hpp"
#include "team.hpp"

namespace chainrule {

struct LayerPlan {
    Index inputs, outputs;
    Activation activation;
    double dropout;  // share of its outputs dropped in training
};

template <class T> struct Layer {
    LayerPlan plan;
    Elementwise<T> functions;
    Panels<T> shape;         // inputs + 1 rows: W, then b
    Index at;                // where its parameters begin in every flat array
    Panels<T> turned;        // Wᵀ, kept beside W for the backward product (not in the first layer); rows in whole units
    Index turned_at;
};

// W (inputs, outputs) and b (outputs) of a layer, without padding, into a flat array.
template <class T> void put(const Layer<T>& layer, T* flat, const T* w, const T* b) {
    T* to = flat + layer.at;
    for (Index j = 0; j < layer.plan.outputs; j++) {
        for (Index i = 0; i < layer.plan.inputs; i++) to[layer.shape.entry(i, j)] = w[i * layer.plan.outputs + j];
        to[layer.shape.entry(layer.plan.inputs, j)] = b[j];
    }
}

template <class T> struct Layers {
    std::vector<Layer<T>> all;
    Loss loss;
    std::vector<T> levels;  // of the loss `quantile`, one for each output
    Index parameters = 0, turned = 0;

    Layers(const std::vector<LayerPlan>& plans, Loss loss, const std::vector<double>& levels = {})
        : loss(loss), levels(levels.begin(), levels.end()) {
        for (const auto& p : plans) {
            Layer<T> layer{p, elementwise<T>(p.activation), {p.inputs + 1, p.outputs}, parameters, {padded<T>(p.outputs), p.inputs}, turned};
            parameters += layer.shape.size();
            if (!all.empty()) turned += layer.turned.size();
            all.push_back(layer);
        }
    }
    Index count() const { return Index(all.size()); }
    Index inputs() const { return all.front().plan.inputs; }
    Index outputs() const { return all.back().plan.outputs; }
    Index width(Index boundary) const { return boundary == 0 ? inputs() : all[boundary - 1].plan.outputs; }

    // The output's φ is left out where the loss works on the logit.
    Activation activation(Index l, bool logits) const {
        return logits && l + 1 == count() ? Activation::identity : all[l].plan.activation;
    }
    // Multiplications and additions of one training step for a row.
    double work_per_row() const {
        double work = 0;
        for (Index l = 0; l < count(); l++) work += (l == 0 ? 4.0 : 6.0) * double(all[l].plan.inputs) * double(all[l].plan.outputs);
        return work;
    }
};

// Rows begin on cache lines. Where their length is a multiple of 256 bytes they fall on few sets of the first cache: one
// line more spreads them.
template <class T> Index row_stride(Index width) {
    constexpr Index LINE = 64 / Index(sizeof(T));
    const Index stride = (width + LINE - 1) / LINE * LINE;
    return stride % (4 * LINE) == 0 ? stride + LINE : stride;
}

// The numbers of a batch at every boundary; those that only training needs are left out otherwise.
template <class T> struct Workspace {
    struct Boundary {
        Index stride, delta_stride;
        Buffer<T> own_z, own_y, own_u, own_mask, own_delta;
        T *z, *y, *u;      // y = φ(u), z = y after dropout; the same array where nothing tells them apart
        T *mask, *delta;   // mask: 0 or 1/(1 − p); both null where not needed
    };
    std::vector<Boundary> at;
    Buffer<double> losses;
    Index rows;
    bool training;

    Workspace(const Layers<T>& layers, Index rows, bool training)
        : at(std::size_t(layers.count() + 1)), losses(rows), rows(rows), training(training) {
        for (Index l = 0; l <= layers.count(); l++) {
            Boundary& b = at[l];
            const Index width = layers.width(l);
            b.stride = row_stride<T>(width + 1);
            b.delta_stride = row_stride<T>(width);
            b.mask = b.delta = nullptr;
            b.z = b.y = b.u = (b.own_z = Buffer<T>(times(rows, b.stride))).get();
            if (training) {
                for (Index r = 0; r < rows; r++) b.z[r * b.stride + width] = T(1);
            }
            if (l == layers.count() || (training && l > 0)) b.delta = (b.own_delta = Buffer<T>(times(rows, b.delta_stride))).get();
            if (l == 0) continue;
            const LayerPlan& plan = layers.all[l - 1].plan;
            if (training && plan.dropout > 0) {
                b.y = b.u = (b.own_y = Buffer<T>(times(rows, b.stride))).get();
                b.mask = (b.own_mask = Buffer<T>(times(rows, b.stride))).get();
            }
            if (needs_u(plan.activation)) b.u = (b.own_u = Buffer<T>(times(rows, b.stride))).get();
        }
    }
};

}  // namespace chainrule
