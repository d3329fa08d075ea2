// The links again, in long double and each in a form that is accurate on both sides of 0.
#pragma once

#include "moest/kernel/links.h"

namespace moest {

inline constexpr Link kAllLinks[] = {Link::identity,    Link::square,
                                     Link::cube,        Link::fourth_power,
                                     Link::fifth_power, Link::sixth_power,
                                     Link::sigmoid,     Link::tanh,
                                     Link::gelu,        Link::silu,
                                     Link::softplus,    Link::log_sigmoid,
                                     Link::relu,        Link::negative_distance};

/// Value, slope and curvature of `link` at t.
LinkPoint<long double> reference_link(Link link, long double t);

}  // namespace moest
