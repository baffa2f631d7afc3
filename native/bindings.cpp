// What Python sees: Run and Predictor in float32 and float64, and which instruction sets the machine has.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <system_error>

#include "predictor.hpp"
#include "run.hpp"

namespace nb = nanobind;
using namespace chainrule;

namespace {

template <class T> using Rows2 = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using Row = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// What is wrong, as one of the library's own errors.
[[noreturn]] void refuse(const char* kind, const std::string& words) {
    PyErr_SetString(nb::module_::import_("chainrule.errors").attr(kind).ptr(), words.c_str());
    throw nb::python_error();
}

void require(bool holds, const char* kind, const char* otherwise) {
    if (!holds) refuse(kind, otherwise);
}

// What C++ throws where memory or threads are refused, as the library's errors.
void translate(const std::exception_ptr& thrown, void*) {
    const auto set = [](const char* kind, const std::string& words) {
        PyErr_SetString(nb::module_::import_("chainrule.errors").attr(kind).ptr(), words.c_str());
    };
    try {
        std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
        set("OutOfMemory", "there is not enough memory for the network and a batch of its rows");
    } catch (const std::system_error& error) {
        set("EngineError", std::string("the system starts no more threads (") + error.code().message() + "): ask for fewer");
    }
}

template <std::size_t N> int index_of(const char* const (&names)[N], const std::string& name, const char* kind) {
    for (std::size_t i = 0; i < N; i++)
        if (name == names[i]) return int(i);
    refuse("UnknownName", std::string("the native engine has no ") + kind + " '" + name + "'");
}

// [(inputs, outputs, activation, dropout), …], input to output.
using PythonLayers = std::vector<std::tuple<Index, Index, std::string, double>>;

// No memory has room for more, and numbers of twice as many bytes still fit into an Index.
constexpr Index WIDEST = Index(1) << 31, MOST_PARAMETERS = Index(1) << 48;

std::vector<LayerPlan> layer_plans(const PythonLayers& layers) {
    require(!layers.empty(), "ShapeError", "a network has at least one layer");
    std::vector<LayerPlan> plans;
    Index parameters = 0;
    for (const auto& [inputs, outputs, activation, dropout] : layers) {
        require(inputs >= 1 && inputs < WIDEST && outputs >= 1 && outputs < WIDEST, "ShapeError", "a layer takes and gives 1 to 2³¹ − 1 numbers");
        require(plans.empty() || plans.back().outputs == inputs, "ShapeError", "a layer takes other rows than the one before it gives");
        require(dropout >= 0 && dropout < 1, "InvalidValue", "dropout is a share in [0, 1)");
        require(plans.empty() || plans.back().activation != Activation::softmax, "InvalidValue", "softmax is there for the output layer only");
        parameters += (inputs + 1) * padded<float>(outputs);
        require(parameters <= MOST_PARAMETERS, "ShapeError", "the network has more parameters than any memory holds");
        plans.push_back({inputs, outputs, Activation(index_of(ACTIVATION_NAMES, activation, "activation")), dropout});
    }
    return plans;
}

Hyper hyper_of(const nb::dict& options) {
    static const char* const RULES[] = {"sgd",   "momentum", "adagrad", "rmsprop",      "adadelta", "adam",
                                        "adamw", "nadam",    "lion",    "backtracking", "lbfgs"};
    Hyper h{Rule(index_of(RULES, nb::cast<std::string>(options["name"]), "optimizer"))};
    const auto number = [&](const char* name, double& to) {
        if (options.contains(name)) to = nb::cast<double>(options[name]);
    };
    const auto truth = [&](const char* name, bool& to) {
        if (options.contains(name)) to = nb::cast<bool>(options[name]);
    };
    number("momentum", h.momentum), number("dampening", h.dampening), number("eta", h.eta);
    number("learning_rate_decay", h.learning_rate_decay), number("alpha", h.alpha), number("beta1", h.beta1);
    number("beta2", h.beta2), number("epsilon", h.epsilon), number("weight_decay", h.weight_decay);
    number("initial_accumulator", h.initial_accumulator);
    number("rho", h.rho), number("momentum_decay", h.momentum_decay);
    number("decrease", h.decrease), number("shrink", h.shrink), number("growth", h.growth);
    truth("nesterov", h.nesterov), truth("of_steps", h.of_steps), truth("centered", h.centered), truth("amsgrad", h.amsgrad);
    truth("epsilon_hat", h.epsilon_hat), truth("decoupled", h.decoupled), truth("restart", h.restart);
    return h;
}

// Groups as Python has them: {"weights": [(optimizer, factor), …], "biases": […], "scales": (optimizer, factor) or None}.
std::optional<Groups> groups_of(const std::optional<nb::dict>& described) {
    if (!described) return std::nullopt;
    using Pair = std::pair<nb::dict, double>;
    const auto group = [](const Pair& pair) { return Group{hyper_of(pair.first), pair.second}; };
    Groups groups;
    for (const auto& pair : nb::cast<std::vector<Pair>>((*described)["weights"])) groups.weights.push_back(group(pair));
    for (const auto& pair : nb::cast<std::vector<Pair>>((*described)["biases"])) groups.biases.push_back(group(pair));
    const auto scales = nb::cast<std::optional<Pair>>((*described)["scales"]);
    if (scales) groups.scales = group(*scales);
    return groups;
}

template <class T> nb::ndarray<nb::numpy, T> fresh(std::vector<std::size_t> shape) {
    Index size = 1;
    for (auto n : shape) size = times(size, Index(n));
    T* data = new T[std::size_t(size)];
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return nb::ndarray<nb::numpy, T>(data, shape.size(), shape.data(), owner);
}

template <class T> void check_rows(const Rows2<T>& x, Index inputs) {
    if (Index(x.shape(1)) != inputs)
        refuse("ShapeError", "the network takes rows of " + std::to_string(inputs) + " numbers, got " + std::to_string(x.shape(1)));
}

template <class T>
Data<T> data_of(const Layers<T>& layers, const Rows2<T>& x, const Rows2<T>& target, const std::optional<Row<T>>& weight) {
    check_rows(x, layers.inputs());
    const Index width = Index(target.shape(1)), outputs = layers.outputs();
    const bool classes = layers.loss == Loss::cross_entropy && width == 1;
    if (target.shape(0) != x.shape(0) || (weight && weight->shape(0) != x.shape(0)))
        refuse("ShapeError", "data, targets and weights need one entry a row");
    require(width == outputs || classes, "ShapeError", "targets need one column an output");
    require(x.shape(0) <= 0xFFFFFFFFu, "ShapeError", "there are more than 2³² − 1 rows");
    if (classes) {
        for (std::size_t i = 0; i < x.shape(0); i++) {
            const T c = target.data()[i];
            require(c >= T(0) && c < T(outputs), "InvalidValue", "a class number lies outside the network's outputs");
        }
    }
    return {x.data(), target.data(), weight ? weight->data() : nullptr, Index(x.shape(0)), width};
}

// A run and the arrays it reads, kept alive with it.
template <class T> class BoundRun {
    Rows2<T> x_, target_;
    std::optional<Row<T>> weight_;
    Run<T> run_;
    int cores_;

    using Ended = std::tuple<int, double, Index>;
    using Losses = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
    using Numbers = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

    static void check_rates(const std::vector<double>& rates, Index steps) {
        require(rates.size() == 1 || Index(rates.size()) == steps, "ShapeError", "one learning rate, or one a step");
    }

    // `order` gives each epoch's rows; nothing in Python is touched between the epochs.
    template <class Orders> Ended epochs_with(std::uint64_t number, std::size_t count, Orders order, const double* rates, Index rate_count,
                                              double* step_losses = nullptr, double* losses = nullptr, double* step_penalties = nullptr,
                                              std::uint64_t first = 0) {
        EpochResult result{Ending::finished, 0.0, 0};
        bool signalled = false;
        {
            nb::gil_scoped_release release;
            for (std::size_t i = 0; i < count && result.ending == Ending::finished; i++) {
                result = run_.epoch(
                    number + i, order(number + i), rates, rate_count,
                    [&] {
                        nb::gil_scoped_acquire acquire;
                        return signalled = PyErr_CheckSignals() != 0;
                    },
                    step_losses, step_penalties, first);
                if (losses && result.ending == Ending::finished) losses[i] = result.loss;
            }
        }
        if (signalled) throw nb::python_error();
        return {int(result.ending), result.loss, result.steps};
    }

    auto own_order() const {
        return [this](std::uint64_t number) { return run_.order(number); };
    }

    static RunPlan run_plan(const PythonLayers& layers, const std::string& loss, const std::vector<double>& levels,
                            const nb::dict& optimizer, double penalty, const std::optional<nb::dict>& groups, Index batch,
                            std::uint64_t seed, bool shuffled) {
        require(batch >= 1, "InvalidValue", "a batch needs at least one row");
        const std::vector<LayerPlan> plans = layer_plans(layers);
        const Loss found = Loss(index_of(LOSS_NAMES, loss, "loss"));
        const std::size_t wanted = found == Loss::quantile ? std::size_t(plans.back().outputs) : 0;
        require(levels.size() == wanted, "ShapeError", "the quantile loss takes one level an output, any other loss none");
        const std::optional<Groups> apart = groups_of(groups);
        require(!apart || (apart->weights.size() == plans.size() && apart->biases.size() == plans.size()), "ShapeError", "one factor a layer");
        return {plans, found, levels, hyper_of(optimizer), penalty, apart, batch, seed, shuffled};
    }

  public:
    BoundRun(const PythonLayers& layers, const std::string& loss, const std::vector<double>& levels, const nb::dict& optimizer, double penalty,
             const std::optional<nb::dict>& groups, Index batch, std::uint64_t seed, bool shuffled, Rows2<T> x, Rows2<T> target, std::optional<Row<T>> weight, int threads, int cores)
        : x_(x), target_(target), weight_(weight),
          run_([&] {
              require(threads >= 0 && cores >= 1, "InvalidValue", "threads are 1 or more, or 0 for as many as pay");
              require(x_.shape(0) > 0, "ShapeError", "there are no rows to train on");
              const RunPlan plan = run_plan(layers, loss, levels, optimizer, penalty, groups, batch, seed, shuffled);
              return Run<T>(plan, data_of(Layers<T>(plan.layers, plan.loss, plan.levels), x_, target_, weight_), threads, cores);
          }()), cores_(cores) {}

    Ended epoch(std::uint64_t number, double rate) { return epochs_with(number, 1, own_order(), &rate, 1); }

    Ended epoch_with_rates(std::uint64_t number, const std::vector<double>& rates, std::optional<Losses> step_losses) {
        const Index steps = run_.steps_over(run_.rows());
        check_rates(rates, steps);
        require(!step_losses || Index(step_losses->shape(0)) == steps, "ShapeError", "one loss a step");
        return epochs_with(number, 1, own_order(), rates.data(), Index(rates.size()), step_losses ? step_losses->data() : nullptr);
    }

    // Over rows that are given by their numbers, in that order; they may be some, and some of them more than once.
    // `first` is the number of the first step, where they are a later part of an epoch.
    Ended epoch_over(std::uint64_t number, const std::vector<double>& rates, Numbers rows, std::optional<Losses> step_losses,
                     std::optional<Losses> step_penalties, std::uint64_t first) {
        const Index n = Index(rows.shape(0)), steps = run_.steps_over(n);
        check_rates(rates, steps);
        for (const auto& each : {step_losses, step_penalties})
            require(!each || Index(each->shape(0)) == steps, "ShapeError", "one loss a step");
        require(n >= 1, "ShapeError", "an epoch takes at least one row");
        require(std::min(n, run_.batch()) <= run_.most_at_once(), "ShapeError", "a batch of more rows than there are");
        for (Index i = 0; i < n; i++) require(rows.data()[i] >= 0 && rows.data()[i] < run_.rows(), "ShapeError", "there is no such row");
        const auto given = [&](std::uint64_t) { return Order(rows.data(), std::uint64_t(n)); };
        return epochs_with(number, 1, given, rates.data(), Index(rates.size()), step_losses ? step_losses->data() : nullptr, nullptr,
                           step_penalties ? step_penalties->data() : nullptr, first);
    }

    // As many epochs as `losses` has entries; the steps are those of the last one.
    Ended epochs(std::uint64_t number, double rate, Losses losses) {
        return epochs_with(number, losses.shape(0), own_order(), &rate, 1, nullptr, losses.data());
    }

    double evaluate(Rows2<T> x, Rows2<T> target, std::optional<Row<T>> weight) {
        const Data<T> d = data_of(run_.layers(), x, target, weight);
        nb::gil_scoped_release release;
        return mean_loss(run_.layers(), run_.theta(), d.x, d.target, d.target_width, d.weight, d.n, cores_);
    }

    auto predict(Rows2<T> x) {
        check_rows(x, run_.layers().inputs());
        auto z = fresh<T>({x.shape(0), std::size_t(run_.layers().outputs())});
        nb::gil_scoped_release release;
        predict_rows(run_.layers(), run_.theta(), Index(x.shape(0)), x.data(), z.data(), cores_);
        return z;
    }

    double loss_and_gradient(Rows2<T> x, Rows2<T> target, std::optional<Row<T>> weight) {
        const Data<T> d = data_of(run_.layers(), x, target, weight);
        require(d.target_width == Index(target_.shape(1)), "ShapeError", "targets of another width than the run's");
        nb::gil_scoped_release release;
        return run_.loss_and_gradient(d);
    }

    void check(int slot, Index layer) const {
        require(layer >= 0 && layer < run_.layers().count(), "ShapeError", "there is no such layer");
        require(slot >= (run_.has_gradient() ? -2 : -1) && slot < run_.slots(), "ShapeError", "there is no such array");
    }

    auto read(int slot, Index layer) {
        check(slot, layer);
        const auto& plan = run_.layers().all[std::size_t(layer)].plan;
        auto w = fresh<T>({std::size_t(plan.inputs), std::size_t(plan.outputs)});
        auto b = fresh<T>({std::size_t(plan.outputs)});
        run_.read(slot, layer, w.data(), b.data());
        return std::make_pair(w, b);
    }

    void write(int slot, Index layer, Rows2<T> w, Row<T> b) {
        check(slot, layer);
        const auto& plan = run_.layers().all[std::size_t(layer)].plan;
        if (Index(w.shape(0)) != plan.inputs || Index(w.shape(1)) != plan.outputs || Index(b.shape(0)) != plan.outputs)
            refuse("ShapeError", "W or b has another shape than the layer");
        run_.write(slot, layer, w.data(), b.data());
    }

    // Of the inputs' scales: slot −1, or a moment.
    T* scales_at(int slot) {
        require(run_.scaled() && slot >= -1 && slot < run_.slots(), "ShapeError", "there is no such array");
        return run_.scales(slot);
    }

    auto read_scales(int slot) {
        const T* from = scales_at(slot);
        auto s = fresh<T>({std::size_t(run_.layers().inputs())});
        std::copy_n(from, run_.layers().inputs(), s.data());
        return s;
    }

    void write_scale_moments(int slot, Row<T> values) {
        T* to = scales_at(slot);
        require(slot >= 0 && Index(values.shape(0)) == run_.layers().inputs(), "ShapeError", "one number an input");
        std::copy_n(values.data(), values.shape(0), to);
    }

    auto read_unscaled() {
        scales_at(-1);
        const auto& plan = run_.layers().all[0].plan;
        auto v = fresh<T>({std::size_t(plan.inputs), std::size_t(plan.outputs)});
        run_.read_unscaled(v.data());
        return v;
    }

    void write_scaled(Row<T> s, Rows2<T> v) {
        scales_at(-1);
        const auto& plan = run_.layers().all[0].plan;
        if (Index(s.shape(0)) != plan.inputs || Index(v.shape(0)) != plan.inputs || Index(v.shape(1)) != plan.outputs)
            refuse("ShapeError", "s or V has another shape than the first layer");
        run_.write_scaled(s.data(), v.data());
    }

    int slots() const { return run_.slots(); }
    int threads() const { return run_.threads(); }
    std::int64_t updates() const { return run_.updates(); }
    void set_updates(std::int64_t t) {
        require(t >= 0, "InvalidValue", "updates are counted from 0");
        run_.set_updates(t);
    }
    double accepted() const { return run_.accepted(); }
    void set_accepted(double eta) { run_.set_accepted(eta); }
};

template <class T> class BoundPredictor {
    Predictor<T> predictor_;
    int threads_;

  public:
    BoundPredictor(const PythonLayers& layers, int threads) : predictor_(layer_plans(layers)), threads_(threads) {}

    void write(Index l, Rows2<T> w, Row<T> b) {
        require(l >= 0 && l < predictor_.layers().count(), "ShapeError", "there is no such layer");
        const auto& layer = predictor_.layers().all[std::size_t(l)];
        if (Index(w.shape(0)) != layer.plan.inputs || Index(w.shape(1)) != layer.plan.outputs || Index(b.shape(0)) != layer.plan.outputs)
            refuse("ShapeError", "W or b has another shape than the layer");
        put(layer, predictor_.theta(), w.data(), b.data());
    }

    auto rows(Rows2<T> x) {
        check_rows(x, predictor_.layers().inputs());
        const Index n = Index(x.shape(0));
        auto z = fresh<T>({x.shape(0), std::size_t(predictor_.layers().outputs())});
        if (n == 1) {
            predictor_.predict_one(x.data(), z.data());
        } else if (n > 1) {
            nb::gil_scoped_release release;
            predictor_.predict(n, x.data(), z.data(), threads_);
        }
        return z;
    }

    // Anything NumPy makes an array of numbers of: rows of other types, or one row.
    nb::object converted(nb::object x) {
        nb::object array = nb::module_::import_("chainrule.arrays").attr("contiguous")(x, "rows", sizeof(T) == 4 ? "float32" : "float64");
        const int dimensions = nb::cast<int>(array.attr("ndim"));
        require(dimensions == 1 || dimensions == 2, "ShapeError", "data are rows (n, inputs), or one row (inputs,)");
        if (dimensions == 1) array = array.attr("reshape")(1, -1);
        nb::object z = nb::cast(rows(nb::cast<Rows2<T>>(array)));
        return dimensions == 1 ? z[nb::int_(0)] : z;
    }
};

template <class T> void bind(nb::module_& m, const std::string& suffix) {
    using R = BoundRun<T>;
    nb::class_<R>(m, ("Run" + suffix).c_str())
        .def(nb::init<const PythonLayers&, const std::string&, const std::vector<double>&, const nb::dict&, double, const std::optional<nb::dict>&, Index, std::uint64_t, bool, Rows2<T>, Rows2<T>,
                      std::optional<Row<T>>, int, int>(),
             nb::arg("layers"), nb::arg("loss"), nb::arg("levels"), nb::arg("optimizer"), nb::arg("penalty"), nb::arg("groups").none(), nb::arg("batch_size"), nb::arg("seed"), nb::arg("shuffle"),
             nb::arg("x"), nb::arg("target"), nb::arg("weight").none(), nb::arg("threads"), nb::arg("cores"))
        .def("epoch", &R::epoch, nb::arg("number"), nb::arg("rate"))
        .def("epoch_with_rates", &R::epoch_with_rates, nb::arg("number"), nb::arg("rates"), nb::arg("step_losses").noconvert().none())
        .def("epoch_over", &R::epoch_over, nb::arg("number"), nb::arg("rates"), nb::arg("rows"), nb::arg("step_losses").noconvert().none(),
             nb::arg("step_penalties").noconvert().none(), nb::arg("first"))
        .def("epochs", &R::epochs, nb::arg("number"), nb::arg("rate"), nb::arg("losses").noconvert())
        .def("evaluate", &R::evaluate, nb::arg("x"), nb::arg("target"), nb::arg("weight").none())
        .def("predict", &R::predict, nb::arg("x"))
        .def("loss_and_gradient", &R::loss_and_gradient, nb::arg("x"), nb::arg("target"), nb::arg("weight").none())
        .def("read", &R::read, nb::arg("slot"), nb::arg("layer"))
        .def("write", &R::write, nb::arg("slot"), nb::arg("layer"), nb::arg("w"), nb::arg("b"))
        .def("read_scales", &R::read_scales, nb::arg("slot"))
        .def("write_scale_moments", &R::write_scale_moments, nb::arg("slot"), nb::arg("values"))
        .def("read_unscaled", &R::read_unscaled)
        .def("write_scaled", &R::write_scaled, nb::arg("s"), nb::arg("v"))
        .def_prop_ro("slots", &R::slots)
        .def_prop_ro("threads", &R::threads)
        .def_prop_rw("updates", &R::updates, &R::set_updates)
        .def_prop_rw("accepted", &R::accepted, &R::set_accepted);
    using P = BoundPredictor<T>;
    nb::class_<P>(m, ("Predictor" + suffix).c_str())
        .def(nb::init<const PythonLayers&, int>(), nb::arg("layers"), nb::arg("threads"))
        .def("write", &P::write, nb::arg("layer"), nb::arg("w"), nb::arg("b"))
        .def("__call__", &P::rows, nb::arg("x").noconvert())
        .def("__call__", &P::converted, nb::arg("x"));
}

// The instruction sets this machine can run, best first.
std::vector<std::string> supported() {
    std::vector<std::string> names;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw"))
        names.push_back("avx512");
    if (avx2) names.push_back("avx2");
#endif
    names.push_back("portable");
    return names;
}

}  // namespace

NB_MODULE(CHAINRULE_MODULE, m) {
    nb::register_exception_translator(translate);
    m.attr("isa") = ISA;
    m.def("supported", &supported);
    bind<float>(m, "32");
    bind<double>(m, "64");
}
