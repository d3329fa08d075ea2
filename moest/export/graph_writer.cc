#include "moest/export/graph_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "moest/base/error.h"
#include "moest/kernel/normal_law.h"

namespace moest {

std::string GraphWriter::power(const std::string& t, int degree) {
  std::string result = t;
  for (int i = 1; i < degree; ++i) {
    result = add("Mul", {result, t});
  }
  return result;
}

/// Phi(t). In float64 by its table, as the kernel does.
std::string GraphWriter::normal_cdf(const std::string& t) {
  if (is_float()) {
    const std::string erf = add("Erf", {add("Mul", {t, graph_.number(std::sqrt(0.5))})});
    return add("Mul", {add("Add", {erf, graph_.number(1)}), graph_.number(0.5)});
  }
  const std::string one = graph_.number(1);
  const std::string centre = graph_.number(kNormalTailCentre);
  const std::string u = add("Min", {add("Abs", {t}), graph_.number(kNormalTailEnd)});
  const std::string w = add("Div", {add("Sub", {u, centre}), add("Add", {u, centre})});
  std::string p = graph_.number(*std::rbegin(kNormalTailCoefficients));
  std::for_each(std::next(std::rbegin(kNormalTailCoefficients)), std::rend(kNormalTailCoefficients),
                [&](double coefficient) {
                  p = add("Add", {add("Mul", {p, w}), graph_.number(coefficient)});
                });
  const std::string decay = add("Exp", {add("Mul", {add("Mul", {u, graph_.number(-0.5)}), u})});
  const std::string growth = add("Add", {add("Mul", {u, graph_.number(std::sqrt(2.0))}), one});
  const std::string tail = add("Div", {add("Mul", {decay, p}), growth});
  return add("Where", {add("Less", {t, graph_.number(0)}), tail, add("Sub", {one, tail})});
}

/// log(1 + e^t) = max(t, 0) + log(1 + e), e = e^-|t|. In float64 with what the rounding of 1 + e loses.
std::string GraphWriter::softplus(const std::string& t) {
  if (is_float()) {
    return add("Softplus", {t});
  }
  const std::string one = graph_.number(1);
  const std::string e = add("Exp", {add("Neg", {add("Abs", {t})})});
  const std::string whole = add("Add", {e, one});
  const std::string lost = add("Div", {add("Sub", {e, add("Sub", {whole, one})}), whole});
  const std::string log1p = add("Add", {add("Log", {whole}), lost});
  return add("Add", {add("Relu", {t}), log1p});
}

/// t / (1 + e^-t). ONNX Runtime makes one operator of t times its sigmoid, which it has in float32 only.
std::string GraphWriter::silu(const std::string& t) {
  if (is_float()) {
    return add("Mul", {t, add("Sigmoid", {t})});
  }
  const std::string decay = add("Exp", {add("Neg", {t})});
  return add("Div", {t, add("Add", {decay, graph_.number(1)})});
}

std::string GraphWriter::link(Link link, const std::string& t) {
  switch (link) {
    case Link::identity:
      return t;
    case Link::square:
      return power(t, 2);
    case Link::cube:
      return power(t, 3);
    case Link::fourth_power:
      return power(t, 4);
    case Link::fifth_power:
      return power(t, 5);
    case Link::sixth_power:
      return power(t, 6);
    case Link::sigmoid:
      return add("Sigmoid", {t});
    case Link::tanh:
      return add("Tanh", {t});
    case Link::gelu:
      return add("Mul", {t, normal_cdf(t)});
    case Link::silu:
      return silu(t);
    case Link::softplus:
      return softplus(t);
    case Link::log_sigmoid:
      return add("Neg", {softplus(add("Neg", {t}))});
    case Link::relu:
      return add("Relu", {t});
    case Link::negative_distance:
      break;
  }
  throw ContractError("a distance is computed from its centre, not from a square", __FILE__, __LINE__);
}

GraphWriter::Length GraphWriter::length(const std::string& x) {
  const double least = is_float() ? std::numeric_limits<float>::min() : std::numeric_limits<double>::min();
  const std::string largest = add("ReduceMax", {add("Abs", {x})}, {{"axes", {-1}, true}, {"keepdims", {1}}});
  const std::string unit = add("Max", {largest, graph_.number(least)});
  const std::string direction = add("Div", {x, unit});
  const std::string square =
      add("ReduceSum", {add("Mul", {direction, direction}), graph_.whole_numbers({-1})}, {{"keepdims", {1}}});
  return {direction, add("Sqrt", {square}), unit};
}

std::string GraphWriter::scaled(const std::string& x, const std::vector<Affine>& maps) {
  std::vector<double> offsets, remainders, scales;
  for (const Affine& map : maps) {
    const double near = is_float() ? static_cast<float>(map.offset) : map.offset;
    if (is_float() && !(std::abs(static_cast<float>(map.scale)) >= std::numeric_limits<float>::min())) {
      throw InputError("the model cannot be exported in float",
                       fmt::format("its scaling divides by {}, which is 0 or rounds badly there", map.scale),
                       "Export it with --precision double.");
    }
    offsets.push_back(near);
    remainders.push_back(map.offset - near);
    scales.push_back(map.scale);
  }
  std::string centred = add("Sub", {x, row(offsets)});
  if (std::any_of(remainders.begin(), remainders.end(), [](double part) { return part != 0; })) {
    centred = add("Sub", {centred, row(remainders)});
  }
  return add("Div", {centred, row(scales)});
}

}  // namespace moest
