#include "moest/study/router_store.h"

#include <fmt/format.h>

#include <utility>

#include "moest/base/error.h"
#include "moest/base/json_text.h"

namespace moest {
namespace {

using Json = nlohmann::ordered_json;

DatabaseKind kind_of_file() {
  return {kRouterComparisonMark,
          1,
          {"CREATE TABLE study (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
           "CREATE TABLE runs (key TEXT PRIMARY KEY, contestant TEXT NOT NULL, seed INTEGER NOT NULL, "
           "learning_rate REAL, status TEXT NOT NULL, message TEXT NOT NULL, value REAL, result TEXT, "
           "evaluations TEXT, seconds REAL, version TEXT, host TEXT, threads INTEGER) WITHOUT ROWID"},
          "running a comparison in it",
          "moest-nn compare lm --store FILE"};
}

}  // namespace

RouterStore::RouterStore(const std::string& path, Database::Access access)
    : file_(path, access, kind_of_file()) {}

std::optional<RouterComparison> RouterStore::comparison() {
  Statement statement = file_.statement("SELECT value FROM study WHERE name = 'specification'");
  return statement.step() ? std::optional(comparison_of(statement.json())) : std::nullopt;
}

void RouterStore::set_comparison(const RouterComparison& comparison) {
  file_.statement("INSERT OR REPLACE INTO study VALUES ('specification', ?)")
      .bind(readable_text(to_json(comparison)))
      .step();
}

std::vector<RunRow> RouterStore::rows() {
  Statement statement = file_.statement(
      "SELECT contestant, seed, learning_rate, status, message, result, evaluations, seconds, version, host, "
      "threads FROM runs ORDER BY contestant, seed, learning_rate");
  std::vector<RunRow> rows;
  while (statement.step()) {
    RunRow& row = rows.emplace_back();
    row.key.contestant = statement.text();
    row.key.seed = static_cast<std::uint64_t>(statement.whole());
    row.key.learning_rate = statement.number();
    row.status = statement.text();
    row.message = statement.text();
    row.result = statement.json();
    row.evaluations = statement.json().get<std::vector<Json>>();
    row.seconds = statement.number().value_or(0);
    row.version = statement.text();
    row.host = statement.text();
    row.threads = static_cast<int>(statement.whole());
  }
  return rows;
}

void RouterStore::add(const RunRow& row, const RouterComparison& comparison) {
  file_.statement("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(row.key.text())
      .bind(row.key.contestant)
      .bind(static_cast<std::int64_t>(row.key.seed))
      .bind(row.key.learning_rate)
      .bind(row.status)
      .bind(row.message)
      .bind(value_of(row, judged_by(comparison, {&row, 1}).compared()))
      .bind(row.result)
      .bind(Json(row.evaluations))
      .bind(std::optional(row.seconds))
      .bind(row.version)
      .bind(row.host)
      .bind(row.threads)
      .step();
}

RouterResults read_router_results(const std::string& path, const std::string& reference) {
  RouterStore store(path, Database::Access::read);
  std::optional<RouterComparison> comparison = store.comparison();
  if (!comparison) {
    throw InputError(fmt::format("{} holds no comparison yet", path), "its first run ended before it began",
                     "Run `moest-nn compare lm --store` with it.");
  }
  if (!reference.empty()) {
    comparison->reference = reference;
    check(*comparison);
  }
  std::vector<RunRow> rows = store.rows();
  return {judged_by(std::move(*comparison), rows), std::move(rows)};
}

}  // namespace moest
