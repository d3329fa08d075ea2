#include "moest/study/store.h"

#include <fmt/format.h>

#include <utility>

#include "moest/base/json_text.h"
#include "moest/study/trial_json.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kColumnsBeforeMetrics =
    "key TEXT PRIMARY KEY, arm TEXT NOT NULL, size INTEGER NOT NULL, replicate INTEGER NOT NULL, "
    "seed INTEGER NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, ";
constexpr const char* kColumnsAfterMetrics =
    "regression_l2_se REAL, rss REAL, iterations INTEGER, starts INTEGER, agreeing_starts INTEGER, "
    "active_bounds INTEGER, estimates TEXT, truth TEXT, simulate_seconds REAL, fit_seconds REAL, "
    "measure_seconds REAL, version TEXT, host TEXT, threads INTEGER, rank INTEGER";

std::string metric_columns(const char* separator, bool with_types) {
  std::string columns;
  for (const Metric& metric : metrics()) {
    columns += metric.name + (with_types ? (metric.is_of_atoms ? " TEXT" : " REAL") : "") + separator;
  }
  return columns;
}

std::string selection() {
  return "SELECT arm, size, replicate, seed, status, message, " + metric_columns(", ", false) +
         "regression_l2_se, rss, iterations, starts, agreeing_starts, active_bounds, estimates, truth, "
         "simulate_seconds, fit_seconds, measure_seconds, version, host, threads, rank FROM trials ";
}

TrialRow next_row(Statement& statement) {
  TrialRow row;
  row.key.arm = statement.text();
  row.key.size = statement.whole();
  row.key.replicate = static_cast<int>(statement.whole());
  row.seed = static_cast<std::uint64_t>(statement.whole());
  row.status = statement.text();
  row.message = statement.text();
  for (const Metric& metric : metrics()) {
    if (metric.is_of_atoms) {
      row.values.push_back(values_from_json(statement.json()));
    } else {
      const std::optional<double> value = statement.number();
      row.values.push_back(value ? TrialRow::Values{value} : TrialRow::Values{});
    }
  }
  row.regression_l2_se = statement.number();
  row.rss = statement.number().value_or(0);
  row.iterations = statement.whole();
  row.num_starts = static_cast<int>(statement.whole());
  row.agreeing_starts = static_cast<int>(statement.whole());
  row.active_bounds = static_cast<int>(statement.whole());
  row.estimates = statement.json();
  row.truth = statement.json();
  row.simulate_seconds = statement.number().value_or(0);
  row.fit_seconds = statement.number().value_or(0);
  row.measure_seconds = statement.number().value_or(0);
  row.by.version = statement.text();
  row.by.host = statement.text();
  row.by.threads = static_cast<int>(statement.whole());
  row.by.rank = static_cast<int>(statement.whole());
  return row;
}

DatabaseKind kind_of_file() {
  return {kStudyMark,
          kStudyFormat,
          {"CREATE TABLE study (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
           fmt::format("CREATE TABLE trials ({}{}{}) WITHOUT ROWID", kColumnsBeforeMetrics,
                       metric_columns(", ", true), kColumnsAfterMetrics)},
          "running a study in it",
          "moest study run STUDY.toml --store FILE"};
}

}  // namespace

StudyStore::StudyStore(const std::string& path, Access access)
    : file_(std::make_unique<Database>(path, access, kind_of_file())) {}

std::optional<Study> StudyStore::study() const {
  Statement statement = file_->statement("SELECT value FROM study WHERE name = 'specification'");
  return statement.step() ? std::optional(study_of(statement.json())) : std::nullopt;
}

void StudyStore::set_study(const Study& study) {
  file_->statement("INSERT OR REPLACE INTO study VALUES ('specification', ?)")
      .bind(readable_text(study.document))
      .step();
}

std::set<TrialKey> StudyStore::keys() const {
  Statement statement = file_->statement("SELECT arm, size, replicate FROM trials");
  std::set<TrialKey> keys;
  while (statement.step()) {
    std::string arm = statement.text();
    const std::int64_t size = statement.whole();
    keys.insert({std::move(arm), size, static_cast<int>(statement.whole())});
  }
  return keys;
}

std::vector<TrialRow> StudyStore::rows() const {
  Statement statement = file_->statement(selection() + "ORDER BY arm, size, replicate");
  std::vector<TrialRow> rows;
  while (statement.step()) {
    rows.push_back(next_row(statement));
  }
  return rows;
}

std::optional<TrialRow> StudyStore::row(const TrialKey& key) const {
  Statement statement = file_->statement(selection() + "WHERE key = ?");
  statement.bind(key.text());
  return statement.step() ? std::optional(next_row(statement)) : std::nullopt;
}

void StudyStore::add(std::span<const TrialRow> rows) {
  file_->execute("BEGIN IMMEDIATE");
  std::string marks = "?";
  constexpr int kOtherColumns = 22;
  for (std::size_t i = 1; i < kOtherColumns + metrics().size(); ++i) {
    marks += ", ?";
  }
  Statement statement = file_->statement(fmt::format("INSERT OR IGNORE INTO trials VALUES ({})", marks));
  for (const TrialRow& row : rows) {
    statement.bind(row.key.text()).bind(row.key.arm).bind(row.key.size).bind(row.key.replicate);
    statement.bind(static_cast<std::int64_t>(row.seed)).bind(row.status).bind(row.message);
    for (std::size_t m = 0; m < row.values.size(); ++m) {
      const TrialRow::Values& values = row.values[m];
      if (metrics()[m].is_of_atoms) {
        statement.bind(values.empty() ? Json() : to_json(values));
      } else {
        statement.bind(values.empty() ? std::nullopt : values.front());
      }
    }
    statement.bind(row.regression_l2_se).bind(std::optional(row.rss)).bind(row.iterations);
    statement.bind(row.num_starts).bind(row.agreeing_starts).bind(row.active_bounds);
    statement.bind(row.estimates).bind(row.truth);
    statement.bind(std::optional(row.simulate_seconds)).bind(std::optional(row.fit_seconds));
    statement.bind(std::optional(row.measure_seconds));
    statement.bind(row.by.version).bind(row.by.host).bind(row.by.threads).bind(row.by.rank);
    statement.step();
    statement.reset();
  }
  file_->execute("COMMIT");
}

}  // namespace moest
