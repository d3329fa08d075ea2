#include "moest/theory/loss_record.h"

#include <optional>
#include <string>
#include <vector>

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json json_of(const std::vector<VoronoiCell>& cells, const std::string& members) {
  Json list = Json::array();
  for (std::size_t j = 0; j < cells.size(); ++j) {
    const VoronoiCell& cell = cells[j];
    list.push_back({{"truth", j},
                    {members, cell.atoms},
                    {"mass", cell.mass},
                    {"true_mass", cell.true_mass},
                    {"mass_error", cell.mass_error},
                    {"largest_error", json_of(cell.largest_error)},
                    {"split_rms", json_of(cell.split_rms)}});
  }
  return list;
}

}  // namespace

Json to_json(const VoronoiLoss& loss) {
  Json json{{"l1", loss.l1},
            {"l2r", json_of(loss.l2r)},
            {"true_mass", loss.true_mass},
            {"cells", json_of(loss.cells, "atoms")}};
  if (!loss.groups.empty()) {
    json["groups"] = json_of(loss.groups, "groups");
  }
  return json;
}

}  // namespace moest
