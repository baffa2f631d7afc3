// The forward pass alone, over any number of rows.
#pragma once

#include "program.hpp"

namespace chainrule {

constexpr Index ROWS_TOGETHER = 96;            // rows that travel through the layers together
constexpr double WORTH_A_THREAD = 2e6;         // operations that pay for starting one

template <class T> int threads_for(const Layers<T>& layers, Index n, int most) {
    const double work = layers.work_per_row() / 3 * double(n), blocks = double((n + ROWS_TOGETHER - 1) / ROWS_TOGETHER);
    return int(std::max(1.0, std::min({double(most), work / WORTH_A_THREAD, blocks})));
}

// f(workspace, first row, rows, block), the workspace holding what the network gives for these of the n rows of x; block
// by block, over a team.
template <class T, class F>
void for_blocks(const Layers<T>& layers, const T* theta, Index n, const T* x, int most_threads, bool logits, F f) {
    const Index blocks = (n + ROWS_TOGETHER - 1) / ROWS_TOGETHER;
    with_team(threads_for(layers, n, most_threads), [&](Member me) {
        Workspace<T> w(layers, std::min(n, ROWS_TOGETHER), false);
        std::unique_ptr<Forward<T>> forward;
        for (Index b = me.from(blocks, 1); b < me.to(blocks, 1); b++) {
            const Index at = b * ROWS_TOGETHER, rows = std::min(ROWS_TOGETHER, n - at);
            if (!forward || forward->to != rows) forward = std::make_unique<Forward<T>>(layers, theta, w, Index(0), rows, logits);
            fill(layers, w, rows, x + at * layers.inputs());
            (*forward)(layers, w, [](Index) {});
            f(w, at, rows, b);
        }
    });
}

template <class T> void fill(const Layers<T>& layers, Workspace<T>& w, Index rows, const T* x) {
    for (Index r = 0; r < rows; r++) std::copy_n(x + r * layers.inputs(), layers.inputs(), w.at[0].z + r * w.at[0].stride);
}

template <class T> void read_outputs(const Layers<T>& layers, const Workspace<T>& w, Index rows, T* z) {
    const auto& out = w.at.back();
    for (Index r = 0; r < rows; r++) std::copy_n(out.y + r * out.stride, layers.outputs(), z + r * layers.outputs());
}

// z (n, outputs) of x (n, inputs), both without padding.
template <class T> void predict_rows(const Layers<T>& layers, const T* theta, Index n, const T* x, T* z, int most_threads) {
    for_blocks(layers, theta, n, x, most_threads, false, [&](Workspace<T>& w, Index at, Index rows, Index) {
        read_outputs(layers, w, rows, z + at * layers.outputs());
    });
}

template <class T> class Predictor {
    Layers<T> layers_;
    Buffer<T> theta_;
    Workspace<T> one_;
    Forward<T> forward_one_;

  public:
    explicit Predictor(const std::vector<LayerPlan>& plans)
        : layers_(plans, Loss::squared_error), theta_(layers_.parameters), one_(layers_, 1, false),
          forward_one_(layers_, theta_.get(), one_, 0, 1, false) {}

    const Layers<T>& layers() const { return layers_; }
    T* theta() { return theta_.get(); }

    void predict(Index n, const T* x, T* z, int most_threads) { predict_rows(layers_, theta_.get(), n, x, z, most_threads); }
    // In the predictor's own workspace: for one caller at a time.
    void predict_one(const T* x, T* z) {
        fill(layers_, one_, 1, x);
        forward_one_(layers_, one_, [](Index) {});
        read_outputs(layers_, one_, 1, z);
    }
};

// Mean loss over n rows at parameters `theta`: Σ w ℓ / Σ w, summed block by block in the order of the rows.
template <class T> double mean_loss(const Layers<T>& layers, const T* theta, const T* x, const T* target, Index target_width,
                                    const T* weight, Index n, int threads) {
    std::vector<double> sums(std::size_t((n + ROWS_TOGETHER - 1) / ROWS_TOGETHER));
    for_blocks(layers, theta, n, x, threads, on_logits(layers.loss), [&](Workspace<T>& w, Index at, Index rows, Index block) {
        auto& out = w.at.back();
        const Outcome<T> outcome{out.y, out.delta, out.stride, out.delta_stride, layers.outputs(), target + at * target_width,
                                 target_width, weight ? weight + at : nullptr, 1.0, w.losses.get(), layers.levels.data()};
        loss_rows<T>(layers.loss)(outcome, rows);
        for (Index r = 0; r < rows; r++) sums[std::size_t(block)] += w.losses[r];
    });
    double loss = 0, total = weight ? 0.0 : double(n);
    for (double s : sums) loss += s;
    for (Index i = 0; weight && i < n; i++) total += double(weight[i]);
    return total > 0 ? loss / total : 0.0;
}

}  // namespace chainrule
