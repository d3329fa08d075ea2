// A mixture at one vector of samples after the other: from scores and neurons to the runs that the sums are
// made of. block_pass.cc includes this text into the namespace of each SIMD target. Hence no include guard,
// and nothing else includes it.

/// The k weights and k experts at one vector of samples (k - 1 gates if k is known at compile time). Where k
/// = kExperts is known at compile time they stay in registers; with kExperts = 0 they lie in their runs.
template <int kExperts>
struct PointValues {
  Lanes weights[kExperts];
  Lanes experts[kExperts];

  HWY_INLINE PointValues(const BlockWorkspace& work, int s) {
    for (int i = 0; i + 1 < kExperts; ++i) {
      weights[i] = Lanes::load(work.experts[static_cast<std::size_t>(i)].weight + s);
    }
  }
  HWY_INLINE Lanes get(int i) const { return weights[i]; }
  HWY_INLINE void set(int i, Lanes weight) { weights[i] = weight; }
  HWY_INLINE Lanes expert(int i) const { return experts[i]; }
  HWY_INLINE void set_expert(int i, Lanes value) { experts[i] = value; }
};

template <>
struct PointValues<0> {
  const BlockWorkspace::ExpertRuns* runs;
  int s;

  HWY_INLINE PointValues(const BlockWorkspace& work, int at) : runs(work.experts.data()), s(at) {}
  HWY_INLINE Lanes get(int i) const { return Lanes::load(runs[i].weight + s); }
  HWY_INLINE void set(int i, Lanes weight) const { weight.store(runs[i].weight + s); }
  HWY_INLINE Lanes expert(int i) const { return Lanes::load(runs[i].value + s); }
  HWY_INLINE void set_expert(int i, Lanes value) const { value.store(runs[i].value + s); }
};

HWY_INLINE Lanes times_run(Lanes x, const double* run, int s) {
  return run == nullptr ? x : x * Lanes::load(run + s);
}

/// The mixture at the samples s .. s + kLanes - 1.
template <Combiner kCombiner, int kExperts>
struct MixturePoint {
  const BlockWorkspace& work;
  int s;
  int k;
  int num_gates;
  PointValues<kExperts> values;
  Lanes mean;  // f

  HWY_INLINE MixturePoint(const MixtureLayout& layout, const BlockWorkspace& workspace, int at)
      : work(workspace),
        s(at),
        k(kExperts > 0 ? kExperts : static_cast<int>(workspace.experts.size())),
        num_gates(kExperts > 0 ? kExperts - 1 : static_cast<int>(workspace.gates.size())),
        values(workspace, at),
        mean(0.0) {
    if constexpr (kCombiner == Combiner::hierarchical) {
      combine_groups(layout);
    } else if constexpr (kCombiner == Combiner::softmax) {
      Lanes last_mass(1.0);
      if (kExperts == 0 && layout.kept > 0) {
        values.set(k - 1, Lanes(0.0));
        keep_largest<Lanes>(k, layout.kept, values);
        last_mass = select(values.get(k - 1) < Lanes(0.0), Lanes(0.0), last_mass);
      }
      anchored_softmax<Lanes>(k, values, last_mass);
      if (kExperts == 0 && layout.kept == 1) {
        round_weights();
      }
    }
    for (int i = 0; i < k; ++i) {
      Lanes value(expert(i).shift);
      for (std::size_t m = first_neuron(i); m < last_neuron(i); ++m) {
        value = fused(Lanes(work.neurons[m].scale), Lanes::load(work.neurons[m].value + s), value);
      }
      values.set_expert(i, value);
      mean = fused(values.get(i), values.expert(i), mean);
    }
    if constexpr (kCombiner == Combiner::hierarchical) {
      average_groups(layout);
    }
  }

  /// From the scores to the weights, and those inside the groups.
  HWY_INLINE void combine_groups(const MixtureLayout& layout) {
    struct Shares {
      const BlockWorkspace::GroupRuns* groups;
      int s;
      HWY_INLINE void set(int g, Lanes share) const { share.store(groups[g].share + s); }
    };
    const auto num_groups = static_cast<int>(layout.group_ends.size());
    Shares shares{work.groups.data(), s};
    hierarchical_softmax<Lanes>(layout.group_ends.data(), num_groups, values, shares);
    for (int g = 0, i = 0; g < num_groups; ++g) {
      for (const Lanes share = share_of(g); i < layout.group_ends[static_cast<std::size_t>(g)]; ++i) {
        values.get(i).store(expert(i).in_group + s);
        values.set(i, share * values.get(i));
      }
    }
  }
  HWY_INLINE void average_groups(const MixtureLayout& layout) const {
    for (std::size_t g = 0, i = 0; g < work.groups.size(); ++g) {
      Lanes group_mean(0.0);
      for (; i < static_cast<std::size_t>(layout.group_ends[g]); ++i) {
        const BlockWorkspace::ExpertRuns& runs = work.experts[i];
        group_mean = fused(Lanes::load(runs.in_group + s), Lanes::load(runs.value + s), group_mean);
      }
      group_mean.store(work.groups[g].mean + s);
    }
  }
  HWY_INLINE Lanes share_of(int g) const {
    return Lanes::load(work.groups[static_cast<std::size_t>(g)].share + s);
  }

  HWY_INLINE const BlockWorkspace::GateRuns& gate(int i) const {
    return work.gates[static_cast<std::size_t>(i)];
  }
  HWY_INLINE const BlockWorkspace::ExpertRuns& expert(int i) const {
    return work.experts[static_cast<std::size_t>(i)];
  }

  /// A lone expert's weight is 1 without rounding, so that h - f and with it the gates' sensitivities are 0.
  HWY_INLINE void round_weights() {
    for (int i = 0; i < k; ++i) {
      values.set(i, select(Lanes(0.5) < values.get(i), Lanes(1.0), Lanes(0.0)));
    }
  }

  /// The neurons of expert i; with the number of experts known each has one.
  HWY_INLINE std::size_t first_neuron(int i) const {
    return kExperts > 0 ? static_cast<std::size_t>(i) : expert(i).first_neuron;
  }
  HWY_INLINE std::size_t last_neuron(int i) const {
    return kExperts > 0 ? static_cast<std::size_t>(i) + 1 : expert(i).last_neuron;
  }

  /// df/ds_i.
  HWY_INLINE Lanes score_sensitivity(int i) const {
    if constexpr (kCombiner == Combiner::hierarchical) {
      const BlockWorkspace::LevelRuns& level = work.levels[static_cast<std::size_t>(i)];
      const Lanes level_mean = level.mean == nullptr ? mean : Lanes::load(level.mean + s);
      return Lanes::load(level.weight + s) * (Lanes::load(level.value + s) - level_mean);
    }
    return kCombiner == Combiner::softmax ? values.get(i) * (values.expert(i) - mean) : values.expert(i);
  }
  /// The weight that gate i has in the softmax that it belongs to.
  HWY_INLINE Lanes weight_in_softmax(int i) const {
    return kCombiner == Combiner::hierarchical
               ? Lanes::load(work.levels[static_cast<std::size_t>(i)].in_softmax + s)
               : values.get(i);
  }
  HWY_INLINE Lanes gate_sensitivity(int i, Lanes root_weight) const {
    return times_run(root_weight * score_sensitivity(i), gate(i).slope, s);
  }

  /// Stores the sensitivities of f to every unit's affine function, each times the root of the sample's
  /// weight.
  HWY_INLINE void sensitivities(Lanes root_weight) const {
    for (int i = 0; i < k; ++i) {
      const BlockWorkspace::ExpertRuns& runs = expert(i);
      const Lanes weight = values.get(i) * root_weight;
      if (i < num_gates) {
        gate_sensitivity(i, root_weight).store(gate(i).sensitivity + s);
      }
      for (std::size_t m = first_neuron(i); m < last_neuron(i); ++m) {
        const BlockWorkspace::NeuronRuns& neuron = work.neurons[m];
        times_run(weight * Lanes(neuron.scale), neuron.slope, s).store(neuron.inner + s);
        if (neuron.of_weight != nullptr) {
          (weight * Lanes::load(neuron.value + s)).store(neuron.of_weight + s);
        }
      }
      if (runs.of_shift != nullptr) {
        weight.store(runs.of_shift + s);
      }
    }
    if constexpr (kExperts == 0) {  // as many gates as experts, where there is a router
      for (std::size_t i = 0; i < work.biases.size(); ++i) {
        (root_weight * score_sensitivity(static_cast<int>(i))).store(work.biases[i].sensitivity + s);
      }
      if (work.factor) {
        (root_weight * factor_sensitivity()).store(work.factor->sensitivity + s);
      }
    }
  }

  HWY_INLINE Lanes router_value(int i) const { return Lanes::load(gate(i).router_value + s); }
  /// df/dc, c the router's factor.
  HWY_INLINE Lanes factor_sensitivity() const {
    Lanes total(0.0);
    for (int i = 0; i < num_gates; ++i) {
      total = fused(score_sensitivity(i), router_value(i), total);
    }
    return total;
  }

  HWY_INLINE void bent_bias_runs(Lanes e, Lanes root_weight) const {
    for (std::size_t i = 0; i < work.biases.size(); ++i) {
      const BlockWorkspace::BiasRuns& runs = work.biases[i];
      const Lanes u = root_weight * score_sensitivity(static_cast<int>(i));
      const Lanes q = e * values.get(static_cast<int>(i));
      const Lanes g = u + q;
      const Lanes own = g - e;
      (-q).store(runs.minus_q + s);
      g.store(runs.g + s);
      own.store(runs.own + s);
      (own + q).store(runs.with_gate + s);
      (u * (own + q)).store(runs.diagonal + s);
    }
  }

  HWY_INLINE void bent_factor_runs(Lanes e, Lanes root_weight) const {
    Lanes mean_value(0.0);
    for (int i = 0; i < k; ++i) {
      mean_value = fused(values.get(i), router_value(i), mean_value);
    }
    Lanes variance(0.0);
    for (int i = 0; i < k; ++i) {
      const Lanes relative = router_value(i) - mean_value;
      variance = fused(values.get(i) * relative, relative, variance);
    }
    const Lanes of_f = factor_sensitivity();
    const Lanes u = root_weight * of_f;
    const Lanes inverse(1.0 / work.factor_value);
    const Lanes we = e * root_weight;
    Lanes bend(0.0);
    for (int i = 0; i < k; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const Lanes sensitivity = score_sensitivity(i);
      const Lanes relative = router_value(i) - mean_value;
      const Lanes with_score = sensitivity * relative - values.get(i) * of_f;
      const Lanes with_gate = we * Lanes::load(gate(i).slope + s) * fused(sensitivity, inverse, with_score);
      bend = fused(sensitivity, relative * relative - variance, bend);
      fused(u, gate_sensitivity(i, root_weight), -with_gate).store(work.factor->with_gates[at] + s);
      fused(u, root_weight * sensitivity, -(we * with_score)).store(work.factor->with_biases[at] + s);
      (u - e * relative).store(work.factor->with_experts[at] + s);
    }
    (u * u - we * bend).store(work.factor->diagonal + s);
  }

  /// Stores what else the rows of half the Hessian are made of: see BlockPlan. e has the root of the sample's
  /// weight, and so has every sensitivity; what is not multiplied by one has the root once more.
  HWY_INLINE void bent_runs(Lanes e, Lanes root_weight) const {
    const Lanes we = e * root_weight;
    for (int i = 0; i < num_gates; ++i) {
      const BlockWorkspace::GateRuns& runs = gate(i);
      const Lanes weight = weight_in_softmax(i);
      const Lanes u = gate_sensitivity(i, root_weight);
      Lanes q(0.0);
      Lanes own = u - e * (Lanes(1.0) - weight);
      Lanes diagonal = u * u;
      if constexpr (kCombiner != Combiner::separate) {
        const Lanes e_slope = times_run(e, runs.slope, s);
        q = e_slope * weight;
        own = u + q - e_slope;
        diagonal = u * (own + q);
      }
      const Lanes g = u + q;
      if (runs.curvature != nullptr) {
        diagonal = fused(-(we * score_sensitivity(i)), Lanes::load(runs.curvature + s), diagonal);
      }
      (-q).store(runs.minus_q + s);
      g.store(runs.g + s);
      own.store(runs.own + s);
      diagonal.store(runs.diagonal + s);
    }
    for (int i = 0; i < k; ++i) {
      const Lanes we_weight = we * values.get(i);
      for (std::size_t m = first_neuron(i); m < last_neuron(i); ++m) {
        const BlockWorkspace::NeuronRuns& neuron = work.neurons[m];
        if (neuron.inner_bend != nullptr) {
          (we_weight * Lanes(neuron.scale) * Lanes::load(neuron.curvature + s)).store(neuron.inner_bend + s);
        }
        if (neuron.weight_bend != nullptr) {
          times_run(we_weight, neuron.slope, s).store(neuron.weight_bend + s);
        }
      }
    }
    if constexpr (kCombiner == Combiner::softmax && kExperts == 0) {
      bent_bias_runs(e, root_weight);
      if (work.factor) {
        bent_factor_runs(e, root_weight);
      }
    }
  }

  /// First and second derivative along a direction.
  struct Motion {
    Lanes rate, bend;
  };

  /// Of link(t), t having the rate t_rate and no bend.
  HWY_INLINE Motion link_motion(const double* t_rate, const double* slope, const double* curvature) const {
    const Lanes rate = Lanes::load(t_rate + s);
    return {times_run(rate, slope, s),
            curvature == nullptr ? Lanes(0.0) : rate * rate * Lanes::load(curvature + s)};
  }
  /// Of the score of expert i.
  HWY_INLINE Motion score_motion(int i, const MixtureLayout& layout, const double* direction) const {
    if (i >= num_gates) {
      return {Lanes(0.0), Lanes(0.0)};
    }
    Motion motion = link_motion(gate(i).rate, gate(i).slope, gate(i).curvature);
    if (kExperts > 0 || !layout.router) {
      return motion;
    }
    const RouterUnits& router = *layout.router;
    const auto at = static_cast<std::size_t>(i);
    if (router.factor >= 0) {
      const double factor_rate = direction[router.factor];
      motion.bend = fused(Lanes(2 * factor_rate / work.factor_value), motion.rate, motion.bend);
      motion.rate = fused(Lanes(factor_rate), router_value(i), motion.rate);
    }
    if (at < router.biases.size()) {
      motion.rate = motion.rate + Lanes(direction[router.biases[at]]);
    }
    return motion;
  }
  /// Of the expert h = sum c phi(t) + c_0.
  HWY_INLINE Motion expert_motion(int i, const ExpertUnits& units, const double* direction) const {
    const auto rate_of = [&](int index) { return Lanes(index >= 0 ? direction[index] : 0.0); };
    Motion motion{rate_of(units.shift), Lanes(0.0)};
    for (std::size_t m = first_neuron(i); m < last_neuron(i); ++m) {
      const BlockWorkspace::NeuronRuns& neuron = work.neurons[m];
      const Lanes scale(neuron.scale);
      const Lanes scale_rate = rate_of(units.neurons[m - first_neuron(i)].weight);
      const Motion phi = link_motion(neuron.rate, neuron.slope, neuron.curvature);
      motion.rate = fused(scale, phi.rate, fused(scale_rate, Lanes::load(neuron.value + s), motion.rate));
      motion.bend = fused(scale, phi.bend, fused(Lanes(2.0) * scale_rate, phi.rate, motion.bend));
    }
    return motion;
  }

  /// Of x = sum_i w_i x_i over first <= i < last, w the softmax of the scores. With s', s'' the derivatives
  /// of the scores, m = sum w s' and q = sum w (s'' + s'^2) - m^2:
  ///     x'  = sum w_i { (s'_i - m) (x_i - x) + x'_i },
  ///     x'' = sum w_i { ((s'_i - m)^2 + s''_i - q) (x_i - x) + 2 (s'_i - m) x'_i + x''_i }.
  template <class Weight, class Value, class ScoreMotion, class ValueMotion>
  HWY_INLINE static Motion softmax_motion(int first, int last, Lanes x, const Weight& weight,
                                          const Value& value, const ScoreMotion& score_motion_of,
                                          const ValueMotion& motion_of) {
    Lanes mean_rate(0.0);
    Lanes mean_square(0.0);
    for (int i = first; i < last; ++i) {
      const Motion score = score_motion_of(i);
      mean_rate = fused(weight(i), score.rate, mean_rate);
      mean_square = fused(weight(i), fused(score.rate, score.rate, score.bend), mean_square);
    }
    const Lanes q = mean_square - mean_rate * mean_rate;
    Motion total{Lanes(0.0), Lanes(0.0)};
    for (int i = first; i < last; ++i) {
      const Motion score = score_motion_of(i);
      const Motion motion = motion_of(i);
      const Lanes relative = score.rate - mean_rate;
      const Lanes deviation = value(i) - x;
      const Lanes of_weight = fused(relative, relative, score.bend - q);
      const Lanes inner = fused(of_weight, deviation, fused(Lanes(2.0) * relative, motion.rate, motion.bend));
      total.rate = fused(weight(i), fused(relative, deviation, motion.rate), total.rate);
      total.bend = fused(weight(i), inner, total.bend);
    }
    return total;
  }

  /// Of the mean inside group g.
  HWY_INLINE Motion group_motion(int g, const MixtureLayout& layout, const double* direction) const {
    const auto at = static_cast<std::size_t>(g);
    const int last = layout.group_ends[at] - 1;
    return softmax_motion(
        g > 0 ? layout.group_ends[at - 1] : 0, last + 1, Lanes::load(work.groups[at].mean + s),
        [&](int i) { return Lanes::load(expert(i).in_group + s); }, [&](int i) { return values.expert(i); },
        [&](int i) { return score_motion(i < last ? i : num_gates, layout, direction); },
        [&](int i) { return expert_motion(i, layout.experts[static_cast<std::size_t>(i)], direction); });
  }

  /// f'' along the direction. With separate weights f'' = sum s''_i h_i + 2 s'_i h'_i + w_i h''_i.
  HWY_INLINE Lanes bend(const MixtureLayout& layout, const double* direction) const {
    const auto expert_motion_of = [&](int i) {
      return expert_motion(i, layout.experts[static_cast<std::size_t>(i)], direction);
    };
    if constexpr (kCombiner == Combiner::separate) {
      Lanes total(0.0);
      for (int i = 0; i < k; ++i) {
        const Motion score = score_motion(i, layout, direction);
        const Motion motion = expert_motion_of(i);
        const Lanes of_gate = fused(score.bend, values.expert(i), Lanes(2.0) * score.rate * motion.rate);
        total = total + fused(values.get(i), motion.bend, of_gate);
      }
      return total;
    }
    if constexpr (kCombiner == Combiner::hierarchical) {
      return softmax_motion(
                 0, static_cast<int>(layout.group_ends.size()), mean, [&](int g) { return share_of(g); },
                 [&](int g) { return Lanes::load(work.groups[static_cast<std::size_t>(g)].mean + s); },
                 [&](int g) {
                   return score_motion(layout.group_ends[static_cast<std::size_t>(g)] - 1, layout, direction);
                 },
                 [&](int g) { return group_motion(g, layout, direction); })
          .bend;
    }
    return softmax_motion(
               0, k, mean, [&](int i) { return values.get(i); }, [&](int i) { return values.expert(i); },
               [&](int i) { return score_motion(i, layout, direction); }, expert_motion_of)
        .bend;
  }
};
