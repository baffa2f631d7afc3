// A training run: parameters, moments and data, and one epoch after another.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "program.hpp"
#include "squares.hpp"

namespace chainrule {

enum class Ending { finished, diverged, interrupted, impossible };

struct EpochResult {
    Ending ending;
    double loss;      // Σ w ℓ / Σ w over the rows seen
    Index steps;      // updates made
};

// Parameters that learn at a rate of their own: `factor` times the step's, with the decay in `hyper` that goes with it.
struct Group {
    Hyper hyper;
    double factor;
};

// For each layer its W and its b; and the scales of the inputs, if they are learned.
struct Groups {
    std::vector<Group> weights, biases;
    std::optional<Group> scales;
};

struct RunPlan {
    std::vector<LayerPlan> layers;
    Loss loss;
    std::vector<double> levels;  // of the loss `quantile`
    Hyper hyper;
    double penalty;  // a batch's loss is (Σ w ℓ + ½·penalty·ΣW²) / Σ w
    std::optional<Groups> groups;
    Index batch;
    std::uint64_t seed;
    bool shuffled;
};

template <class T> struct Data {
    const T *x, *target, *weight;  // (n, inputs), (n, target_width), (n) or null
    Index n, target_width;
};

// How many threads pay: for steps of a middling size, measured on the run's own first steps. The bits do not depend on it.
class Trial {
    static constexpr double TOO_SMALL = 4e5, LARGE = 5e7;  // operations a step: below, a barrier costs what it saves; above, all pay
    static constexpr double GAIN = 0.95, PIECE = 2e7;
    static constexpr int ROUNDS = 3, FEWEST_STEPS = 4;
    double fastest_[2] = {1e30, 1e30};  // step alone, and as a team
    int tried_ = 0, most_, chosen_ = 0;
    double work_;

  public:
    // `asked` threads, or with 0 as many of the `cores` as pay, for steps of `rows` rows and `work` operations.
    Trial(int asked, int cores, Index rows, double work) : most_(int(std::min<Index>(asked > 0 ? asked : cores, rows))), work_(work) {
        if (asked > 0 || most_ == 1 || work > LARGE) chosen_ = most_;
        else if (work < TOO_SMALL) chosen_ = 1;
    }
    bool settled() const { return chosen_ > 0; }
    int threads() const { return settled() ? chosen_ : tried_ % 2 == 0 ? 1 : most_; }
    Index piece() const { return std::max<Index>(FEWEST_STEPS, Index(PIECE / work_)); }
    void step_took(double seconds) { fastest_[tried_ % 2] = std::min(fastest_[tried_ % 2], seconds); }
    void piece_done() {
        if (!settled() && ++tried_ == 2 * ROUNDS) chosen_ = fastest_[1] < GAIN * fastest_[0] ? most_ : 1;
    }
};

template <class T> class Run {
    Layers<T> layers_;
    RunPlan plan_;
    Data<T> data_;
    Buffer<T> theta_, turned_, start_, gradient_, before_, moments_[MOST_SLOTS];  // before_: θ where a line search began
    int slots_;
    bool drops_ = false;
    Workspace<T> work_;
    std::vector<std::uint32_t> rows_[2];     // of this batch and the next
    std::vector<T> target_, weight_;
    Trial trial_;
    std::int64_t updates_ = 0;
    double accepted_ = 0;  // the last η of a line search
    Index taken_;          // rows of this epoch
    struct Scales {  // W = diag(s)·V in the first layer; V and its gradient lie as W does
        Buffer<T> s, slope, v, gradient, moments[MOST_SLOTS];
    };
    std::optional<Scales> scales_;
    const Update<T> update_;
    std::map<std::tuple<int, int, Index>, std::unique_ptr<Program<T>>> programs_;  // by member, team and rows

    const Program<T>& program(const Member& me, Index rows) const { return *programs_.at({me.number, me.size, rows}); }

    // Made before a team starts, so that its members only read.
    void prepare(int team, Index rows) {
        for (int member = 0; member < team; member++) {
            auto& made = programs_[{member, team, rows}];
            if (!made) made = std::make_unique<Program<T>>(layers_, theta_.get(), turned_.get(), work_, rows, Member{member, team, nullptr}, plain(), apart());
        }
    }

    // Wᵀ of layer l, from all of W; the first layer needs none.
    void turn(Index l) {
        std::vector<Turn<T>> turns;
        if (l > 0) append_turns(turns, layers_, theta_.get(), turned_.get(), l, Index(0), layers_.all[l].plan.inputs);
        run(turns);
    }

    Moments<T> moments() const {
        Moments<T> m{};
        for (int s = 0; s < slots_; s++) m.slot[s] = moments_[s].get();
        return m;
    }

    bool penalised() const { return plan_.penalty != 0; }
    bool apart() const { return penalised() || plan_.groups; }  // W and b learn in ways of their own
    bool plain() const { return plan_.hyper.plain() && !scales_; }

    void gather(const std::uint32_t* rows, Index from, Index to) {
        const Index inputs = layers_.inputs(), stride = work_.at[0].stride;
        for (Index i = from; i < to; i++) {
            const Index row = rows[i];
            const T* x = data_.x + row * inputs;
            T* z = work_.at[0].z + i * stride;
            for (Index j = 0; j < inputs; j++) z[j] = x[j];
            const T* t = data_.target + row * data_.target_width;
            for (Index j = 0; j < data_.target_width; j++) target_[i * data_.target_width + j] = t[j];
            if (data_.weight) weight_[i] = data_.weight[row];
        }
    }

    // Forward and loss for a member's rows of a batch whose weights sum to `total`.
    void forward_phase(const Program<T>& p, double total, std::uint64_t dropout_key) {
        p.run_forward(layers_, work_, dropout_key);
        auto& out = work_.at.back();
        const Outcome<T> outcome{out.z + p.from * out.stride, out.delta + p.from * out.delta_stride, out.stride,
                                 out.delta_stride, layers_.outputs(), target_.data() + p.from * data_.target_width,
                                 data_.target_width, data_.weight ? weight_.data() + p.from : nullptr,
                                 total > 0 ? 1 / total : 0.0, work_.losses.get() + p.from, layers_.levels.data()};
        loss_rows<T>(layers_.loss)(outcome, p.to - p.from);
    }

    void rows_phase(const Program<T>& p, double total, std::uint64_t dropout_key) {
        forward_phase(p, total, dropout_key);
        p.backward(layers_, work_);
    }

    double sum_of_losses(Index rows) const {
        double sum = 0;
        for (Index i = 0; i < rows; i++) sum += work_.losses[i];
        return sum;
    }

    double weight_of(const std::uint32_t* rows, Index count) const {
        if (!data_.weight) return double(count);
        double total = 0;
        for (Index i = 0; i < count; i++) total += double(data_.weight[rows[i]]);
        return total;
    }

    // A step at a learning rate on a batch whose weights sum to `total`; the penalty adds penalty·W/total to W's gradient.
    void update_phase(const Program<T>& p, double rate, double total) {
        const Moments<T> all = moments();
        const Step<T> step(plan_.hyper, rate, updates_ + 1);
        const auto step_of = [&](const Group& group) { return Step<T>(group.hyper, rate * group.factor, updates_ + 1); };
        const T pull = penalised() && total > 0 ? T(plan_.penalty / total) : T(0);
        for (Index l = layers_.count() - 1; l >= 0; l--) {
            const Step<T> of_w = plan_.groups ? step_of(plan_.groups->weights[l]) : step;
            const Step<T> of_b = plan_.groups ? step_of(plan_.groups->biases[l]) : step;
            if (plain()) {
                const Descents<T> descents{{of_w.rate, of_w.decay + pull}, {of_b.rate, of_b.decay}};
                for (const auto& tile : p.weights[l].tiles) tile.call.tile(tile.call, descents);
            } else {
                const bool scaled = scales_ && l == 0;
                Step<T> pulled = of_w;
                if (!scaled) pulled.decay += pull;
                p.for_gradient(l, [&](Index at, Index size, const T* g, bool of_bias) {
                    if (scaled && !of_bias)
                        for (Index i = 0; i < size; i++) scales_->gradient[at + i] = g[i] + pull * theta_[at + i];
                    else update_(size, theta_.get() + at, g, all.at(at), of_bias ? of_b : pulled);
                });
                if (scaled) update_scaled(p, of_w, step_of(*plan_.groups->scales));
            }
            run(p.weights[l].turns);
        }
    }

    // A member's rows of W = diag(s)·V, whose ∂L/∂W = G stands in the scales' `gradient`: ∂L/∂s = Σ G∘V over the columns,
    // ∂L/∂V = diag(s)·G.
    void update_scaled(const Program<T>& p, const Step<T>& of_v, const Step<T>& of_s) {
        const Layer<T>& layer = layers_.all[0];
        Scales& own = *scales_;
        const Moments<T> all = moments();
        const Index last = std::min(p.last_input, layer.plan.inputs);
        for (Index i = p.first_input; i < last; i++) {
            T part[UNIT<T>] = {}, slope = T(0);  // summed in one order whatever the instruction set
            for (Index j = 0; j < layer.shape.count(); j++) {
                const Index at = layer.shape.at(i, j), width = layer.shape.width(j);
                T *g = own.gradient.get() + at, *v = own.v.get() + at;
                for (Index k = 0; k < width; k += UNIT<T>)
                    for (int u = 0; u < UNIT<T>; u++) part[u] += g[k + u] * v[k + u];
                for (Index k = 0; k < width; k++) g[k] *= own.s[i];
                update_(width, v, g, all.at(at), of_v);
            }
            for (T each : part) slope += each;
            own.slope[i] = slope;
        }
        if (p.first_input < last) {
            Moments<T> moments{};
            for (int m = 0; m < slots_; m++) moments.slot[m] = own.moments[m].get();
            update_(padded<T>(last - p.first_input), own.s.get() + p.first_input, own.slope.get() + p.first_input, moments.at(p.first_input), of_s);
        }
        scale(p.first_input, last);
    }

    // Rows [from, to) of the first W, from the scales and V.
    void scale(Index from, Index to) {
        const Layer<T>& layer = layers_.all[0];
        for (Index i = from; i < to; i++)
            for (Index j = 0; j < layer.shape.count(); j++)
                for (Index k = 0, at = layer.shape.at(i, j); k < layer.shape.width(j); k++) theta_[at + k] = scales_->s[i] * scales_->v[at + k];
    }

    // The first layer's W as diag(1)·W: as a training begins.
    void start_scales() {
        if (!scales_) return;
        std::copy_n(theta_.get(), layers_.all[0].shape.size(), scales_->v.get());
        std::fill_n(scales_->s.get(), layers_.inputs(), T(1));
        for (int m = 0; m < slots_; m++) std::fill_n(scales_->moments[m].get(), layers_.inputs(), T(plan_.hyper.initial_accumulator));
    }

    // ½·penalty·ΣW² over all layers, b left out.
    double penalty() const {
        Squares<T> squares;
        for (const auto& layer : layers_.all)
            for (Index j = 0; j < layer.shape.count(); j++)
                squares.add(theta_.get() + layer.at + layer.shape.at(0, j), layer.plan.inputs * layer.shape.width(j));
        return 0.5 * plan_.penalty * squares.sum();
    }

    // f(offset, size) for each stretch of the parameters that a member updates.
    template <class F> static void for_own(const Program<T>& p, F f) {
        for (const auto& layer : p.weights)
            for (const auto& tile : layer.tiles)
                if (tile.size) f(tile.at, tile.size);
    }

    // A step along −g as long as Armijo's condition allows, by the whole team: every member draws the same conclusions from
    // the same sums. `sum` is the batch's loss before it; see optimizers/line_search.py.
    void search_phase(const Program<T>& p, const Member& me, double total, double sum, double rate, std::uint64_t dropout_key) {
        const Hyper& h = plan_.hyper;
        const double scale = total > 0 ? 1 / total : 0.0, share = double(p.rows) / double(taken_);
        double eta = h.restart || accepted_ == 0 ? rate : std::min(rate, accepted_ * std::pow(h.growth, share));
        for (Index l = 0; l < layers_.count(); l++)
            p.for_gradient(l, [&](Index at, Index size, const T* g, bool) { std::copy_n(g, size, gradient_.get() + at); });
        for_own(p, [&](Index at, Index size) { std::copy_n(theta_.get() + at, size, before_.get() + at); });
        me.barrier->wait();
        const double slope = h.decrease * Squares<T>().add(gradient_.get(), gradient_.size()).sum(), least = eta * 0x1p-50;
        bool found = false;
        while (!found && eta > least) {
            const T step = T(eta);
            for_own(p, [&](Index at, Index size) {
                for (Index i = at; i < at + size; i++) theta_[i] = before_[i] - step * gradient_[i];
            });
            me.barrier->wait();
            forward_phase(p, total, dropout_key);
            me.barrier->wait();
            found = sum_of_losses(p.rows) * scale <= sum * scale - eta * slope;
            if (!found) eta *= h.shrink;
        }
        if (!found) for_own(p, [&](Index at, Index size) { std::copy_n(before_.get() + at, size, theta_.get() + at); });
        for (const auto& layer : p.weights) run(layer.turns);
        if (found && me.number == 0) accepted_ = eta;
    }

    void start_moments() {
        for (int s = 0; s < slots_; s++) std::fill_n(moments_[s].get(), layers_.parameters, T(plan_.hyper.initial_accumulator));
        updates_ = 0;
        accepted_ = 0;
    }

    bool finite_theta() const {
        T sum = T(0);
        for (Index i = 0; i < theta_.size(); i++) sum += theta_[i] * T(0);
        return sum == T(0);
    }

  public:
    Run(const RunPlan& plan, const Data<T>& data, int threads, int cores)
        : layers_(plan.layers, plan.loss, plan.levels), plan_(plan), data_(data), theta_(layers_.parameters), turned_(layers_.turned),
          start_(layers_.parameters), slots_(plan.hyper.slots()),
          work_(layers_, std::min(plan.batch, std::max<Index>(data.n, 1)), true),
          target_(std::size_t(work_.rows * data.target_width)), weight_(data.weight ? std::size_t(work_.rows) : 0),
          trial_(threads, cores, work_.rows, layers_.work_per_row() * double(work_.rows)), taken_(data.n), update_(update_of<T>(plan.hyper)) {
        for (int s = 0; s < slots_; s++) moments_[s] = Buffer<T>(layers_.parameters);
        if (plan.groups && plan.groups->scales) {
            const Index inputs = padded<T>(layers_.inputs()), size = layers_.all[0].shape.size();
            scales_.emplace(Scales{Buffer<T>(inputs), Buffer<T>(inputs), Buffer<T>(size), Buffer<T>(size), {}});
            for (int m = 0; m < slots_; m++) scales_->moments[m] = Buffer<T>(inputs);
        }
        if (plan.hyper.searches()) before_ = Buffer<T>(layers_.parameters), gradient_ = Buffer<T>(layers_.parameters);
        start_moments();
        for (const auto& layer : plan.layers) drops_ |= layer.dropout > 0;
        for (auto& rows : rows_) rows.resize(std::size_t(work_.rows));
    }

    const Layers<T>& layers() const { return layers_; }
    const T* theta() const { return theta_.get(); }
    int slots() const { return slots_; }
    int threads() const { return trial_.threads(); }
    Index rows() const { return data_.n; }
    Index batch() const { return plan_.batch; }
    Index most_at_once() const { return work_.rows; }
    Index steps_over(Index rows) const { return (rows + plan_.batch - 1) / plan_.batch; }
    Order order(std::uint64_t number) const { return {std::uint64_t(data_.n), plan_.shuffled, key_of(plan_.seed, ORDER, number)}; }
    std::int64_t updates() const { return updates_; }
    void set_updates(std::int64_t t) { updates_ = t; }
    double accepted() const { return accepted_; }
    void set_accepted(double eta) { accepted_ = eta; }

    bool has_gradient() const { return gradient_.size() > 0; }

    // slot −1: the parameters; −2: the last gradient; else a moment.
    T* array(int slot) { return slot == -1 ? theta_.get() : slot == -2 ? gradient_.get() : moments_[slot].get(); }

    void read(int slot, Index l, T* w, T* b) {
        const auto& layer = layers_.all[l];
        const T* from = array(slot) + layer.at;
        for (Index i = 0; i < layer.plan.inputs; i++)
            for (Index j = 0; j < layer.plan.outputs; j++) w[i * layer.plan.outputs + j] = from[layer.shape.entry(i, j)];
        for (Index j = 0; j < layer.plan.outputs; j++) b[j] = from[layer.shape.entry(layer.plan.inputs, j)];
    }

    void write(int slot, Index l, const T* w, const T* b) {
        put(layers_.all[l], array(slot), w, b);
        if (slot == -1) turn(l);
        if (slot == -1 && l == 0) start_scales();
    }

    bool scaled() const { return scales_.has_value(); }
    T* scales(int slot) { return slot == -1 ? scales_->s.get() : scales_->moments[slot].get(); }

    // V of W = diag(s)·V, (inputs, outputs) without padding.
    void read_unscaled(T* v) {
        const auto& layer = layers_.all[0];
        for (Index i = 0; i < layer.plan.inputs; i++)
            for (Index j = 0; j < layer.plan.outputs; j++) v[i * layer.plan.outputs + j] = scales_->v[layer.shape.entry(i, j)];
    }

    // s and V together, and W from them.
    void write_scaled(const T* s, const T* v) {
        const auto& layer = layers_.all[0];
        std::copy_n(s, layer.plan.inputs, scales_->s.get());
        for (Index i = 0; i < layer.plan.inputs; i++)
            for (Index j = 0; j < layer.plan.outputs; j++) scales_->v[layer.shape.entry(i, j)] = v[i * layer.plan.outputs + j];
        scale(0, layer.plan.inputs);
    }

    // One epoch over the rows of an order: `rates` holds one learning rate, or one for each step. Where `step_losses` is given,
    // each step's mean loss goes there, and what of it is the penalty to `step_penalties`. `interrupted` is asked every few
    // milliseconds. Where the order is that of a later part of the epoch, `first` is the number of its first step.
    EpochResult epoch(std::uint64_t number, Order order, const double* rates, Index rate_count, const std::function<bool()>& interrupted,
                      double* step_losses = nullptr, double* step_penalties = nullptr, std::uint64_t first = 0) {
        if (!plan_.hyper.by_batches()) return {Ending::impossible, 0.0, 0};
        using Clock = std::chrono::steady_clock;
        taken_ = Index(order.size());
        const Index steps = steps_over(taken_);
        std::copy_n(theta_.get(), layers_.parameters, start_.get());
        double loss = 0, weight = 0;
        Ending ending = Ending::finished;
        const auto batch_rows = [&](Index s) { return std::min(plan_.batch, taken_ - s * plan_.batch); };
        order.take(batch_rows(0), rows_[0].data());
        auto asked = Clock::now();
        const int steps_a_look = int(std::min(64.0, 1 + 1e6 / (layers_.work_per_row() * double(work_.rows))));

        Index done = 0;
        while (done < steps && ending == Ending::finished) {
            const bool timed = !trial_.settled();
            const Index until = !timed ? steps : std::min(steps, done + trial_.piece());
            prepare(trial_.threads(), batch_rows(0));
            prepare(trial_.threads(), batch_rows(steps - 1));
            Index reached = done;
            with_team(trial_.threads(), [&](Member me) {
                auto began = Clock::now();
                for (Index s = done; s < until; s++) {
                    const Index rows = batch_rows(s);
                    const std::uint32_t* batch = rows_[s % 2].data();
                    const double total = weight_of(batch, rows);
                    const Program<T>& p = program(me, rows);
                    gather(batch, p.from, p.to);
                    const auto dropout_key = !drops_ ? NO_DROPOUT : key_of(plan_.seed, DROPOUT, number, first + std::uint64_t(s));
                    rows_phase(p, total, dropout_key);
                    const double extra = penalised() && me.number == 0 ? penalty() : 0.0;  // before the team changes W
                    me.barrier->wait();
                    const double sum = sum_of_losses(rows), rate = rates[rate_count == 1 ? 0 : s];
                    if (step_losses && me.number == 0) step_losses[s] = total > 0 ? (sum + extra) / total : 0.0;
                    if (step_penalties && me.number == 0) step_penalties[s] = total > 0 ? extra / total : 0.0;
                    if (!std::isfinite(sum)) {
                        if (me.number == 0) ending = Ending::diverged;
                        return;
                    }
                    if (plan_.hyper.searches()) search_phase(p, me, total, sum, rate, dropout_key);
                    else update_phase(p, rate, total);
                    if (me.number == 0) {
                        loss += sum + extra;
                        weight += total;
                        reached = s + 1;
                        if (s + 1 < steps) order.take(batch_rows(s + 1), rows_[(s + 1) % 2].data());
                        if (s % steps_a_look == 0 && Clock::now() - asked > std::chrono::milliseconds(20)) {
                            if (interrupted()) ending = Ending::interrupted;
                            asked = Clock::now();
                        }
                    }
                    me.barrier->wait();
                    if (me.number == 0) {
                        updates_++;
                        if (timed) {
                            const auto now = Clock::now();
                            trial_.step_took(std::chrono::duration<double>(now - began).count());
                            began = now;
                        }
                    }
                    if (ending == Ending::interrupted) return;
                }
            });
            trial_.piece_done();
            done = reached;
        }
        if (ending == Ending::diverged && !finite_theta()) {
            std::copy_n(start_.get(), layers_.parameters, theta_.get());
            start_moments();
            start_scales();
            for (Index l = 0; l < layers_.count(); l++) turn(l);
        }
        return {ending, weight > 0 ? loss / weight : 0.0, done};
    }

    // L and its gradient over n given rows, at the parameters as they are, without dropout. Read it as slot −2.
    double loss_and_gradient(const Data<T>& data) {
        if (gradient_.size() == 0) gradient_ = Buffer<T>(layers_.parameters);
        std::fill_n(gradient_.get(), layers_.parameters, T(0));
        const Data<T> own = data_;
        data_ = data;
        if (data.weight) weight_.resize(std::size_t(work_.rows));
        double total = 0, loss = 0;
        for (Index i = 0; i < data.n; i++) total += data.weight ? double(data.weight[i]) : 1.0;
        std::vector<std::uint32_t> rows(std::size_t(work_.rows));
        for (Index at = 0; at < data.n; at += work_.rows) {
            const Index count = std::min(work_.rows, data.n - at);
            for (Index i = 0; i < count; i++) rows[std::size_t(i)] = std::uint32_t(at + i);
            const Member alone{0, 1, nullptr};
            const Program<T> p(layers_, theta_.get(), turned_.get(), work_, count, alone, false, false);
            gather(rows.data(), 0, count);
            rows_phase(p, total, NO_DROPOUT);
            for (Index l = 0; l < layers_.count(); l++) {
                p.for_gradient(l, [&](Index to, Index size, const T* g, bool) {
                    for (Index i = 0; i < size; i++) gradient_[to + i] += g[i];
                });
            }
            for (Index i = 0; i < count; i++) loss += work_.losses[i];
        }
        data_ = own;
        return total > 0 ? loss / total : 0.0;
    }
};

}  // namespace chainrule
