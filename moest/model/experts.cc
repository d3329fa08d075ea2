#include "moest/model/experts.h"

namespace moest {

ExpertPlaces::ExpertPlaces(const ExpertForm& form, int num_inputs, int num_outputs)
    : form_(form),
      num_outputs_(num_outputs),
      shares_(form.is_network && num_outputs > 1),
      inner_size_((form.uses_inputs ? num_inputs : 0) + (form.bias ? 1 : 0)),
      shared_size_(shares_ ? form.num_neurons * inner_size_ : 0),
      own_size_(form.num_neurons * (shares_ ? 1 : neuron_size()) + (form.offset ? 1 : 0)) {}

int ExpertPlaces::weight(int output, int m) const {
  if (!form_.weight) {
    return -1;
  }
  return shares_ ? own(output) + m : inner(output, m) + inner_size_;
}

int ExpertPlaces::offset(int output) const { return form_.offset ? own(output + 1) - 1 : -1; }

std::vector<int> ExpertPlaces::list_sizes() const {
  std::vector<int> sizes(static_cast<std::size_t>(num_outputs_), own_size_);
  if (shares_) {
    sizes.insert(sizes.begin(), shared_size_);
  }
  return sizes;
}

}  // namespace moest
