#include "moest/model/assignment.h"

#include <limits>

#include "moest/base/error.h"

namespace moest {

// Rows are assigned one after the other. `row_price` and `column_price` keep cost - prices non-negative, and
// 0 where a row has its column; the shortest path from a new row to a free column is found in these reduced
// costs, and the assignments along it change places. Column `size` stands for the new row's beginning.
std::vector<int> assign(const Eigen::MatrixXd& cost) {
  MOEST_EXPECT(cost.rows() == cost.cols() && cost.allFinite());
  const auto size = static_cast<int>(cost.rows());
  const auto count = static_cast<std::size_t>(size);
  Eigen::VectorXd row_price = Eigen::VectorXd::Zero(size);
  Eigen::VectorXd column_price = Eigen::VectorXd::Zero(size + 1);
  std::vector<int> row_of(count + 1, -1);
  for (int row = 0; row < size; ++row) {
    Eigen::VectorXd distance = Eigen::VectorXd::Constant(size, std::numeric_limits<double>::infinity());
    std::vector<int> before(count, size);
    std::vector<char> visited(count + 1, 0);
    row_of[count] = row;
    int column = size;
    while (row_of[static_cast<std::size_t>(column)] >= 0) {
      visited[static_cast<std::size_t>(column)] = 1;
      const int from = row_of[static_cast<std::size_t>(column)];
      int next = -1;
      for (int j = 0; j < size; ++j) {
        if (visited[static_cast<std::size_t>(j)] != 0) {
          continue;
        }
        const double reduced = cost(from, j) - row_price[from] - column_price[j];
        if (reduced < distance[j]) {
          distance[j] = reduced;
          before[static_cast<std::size_t>(j)] = column;
        }
        if (next < 0 || distance[j] < distance[next]) {
          next = j;
        }
      }
      const double step = distance[next];
      for (int j = 0; j <= size; ++j) {
        if (visited[static_cast<std::size_t>(j)] != 0) {
          row_price[row_of[static_cast<std::size_t>(j)]] += step;
          column_price[j] -= step;
        } else if (j < size) {
          distance[j] -= step;
        }
      }
      column = next;
    }
    while (column < size) {
      const int previous = before[static_cast<std::size_t>(column)];
      row_of[static_cast<std::size_t>(column)] = row_of[static_cast<std::size_t>(previous)];
      column = previous;
    }
  }
  std::vector<int> result(count);
  for (int j = 0; j < size; ++j) {
    result[static_cast<std::size_t>(row_of[static_cast<std::size_t>(j)])] = j;
  }
  return result;
}

}  // namespace moest
