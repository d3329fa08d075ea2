#include "moest/model/student.h"

#include <boost/math/distributions/students_t.hpp>

#include "moest/base/error.h"

namespace moest {

double student_quantile(double degrees_of_freedom, double confidence) {
  MOEST_EXPECT(degrees_of_freedom > 0 && confidence > 0 && confidence < 1);
  return boost::math::quantile(boost::math::students_t(degrees_of_freedom), (1 + confidence) / 2);
}

}  // namespace moest
