#include "moest/data/npy.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "moest/base/error.h"

namespace moest {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

// The format as NumPy documents it: magic, version, length of the padded header, header, data.
std::string npy_header(const std::string& dictionary, int version = 1) {
  const std::size_t num_length_bytes = version == 1 ? 2 : 4;
  const std::size_t before = 8 + num_length_bytes;
  std::string text = dictionary;
  text.append(63 - (before + text.size()) % 64, ' ');
  text += '\n';
  std::string content = "\x93NUMPY";
  content += static_cast<char>(version);
  content += '\0';
  for (std::size_t i = 0; i < num_length_bytes; ++i) {
    content += static_cast<char>((text.size() >> (8 * i)) & 0xFF);
  }
  return content + text;
}

std::string dictionary(const std::string& type, const std::string& order, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

template <typename Value>
std::string bytes(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

template <typename Value>
std::string npy(const std::string& type, const std::vector<Value>& values, const std::string& shape,
                const std::string& order = "False", int version = 1) {
  return npy_header(dictionary(type, order, shape), version) + bytes(values);
}

Table parsed(const std::string& content, const ReadOptions& options = {}) {
  return parse_npy(content, "data.npy", options);
}

template <typename... Parts>
void expect_refused(const std::string& content, const Parts&... parts) {
  EXPECT_THAT([&] { parsed(content); },
              ThrowsMessage<InputError>(AllOf(HasSubstr("data.npy"), HasSubstr(parts)...)));
}

TEST(NpyTable, ReadsCOrder) {
  const Table table = parsed(npy<double>("<f8", {1, 2, 3, 4, 5, 6}, "(2, 3)"));
  EXPECT_THAT(table.names(), ElementsAre("x1", "x2", "x3"));
  EXPECT_THAT(table.columns[0].values, ElementsAre(1, 4));
  EXPECT_THAT(table.columns[2].values, ElementsAre(3, 6));
}

TEST(NpyTable, ReadsFortranOrder) {
  const Table table = parsed(npy<double>("<f8", {1, 2, 3, 4, 5, 6}, "(2, 3)", "True"));
  EXPECT_THAT(table.columns[0].values, ElementsAre(1, 2));
  EXPECT_THAT(table.columns[2].values, ElementsAre(5, 6));
}

TEST(NpyTable, ReadsOneDimensionAsOneColumn) {
  const Table table = parsed(npy<double>("<f8", {1, 2, 3}, "(3,)"));
  EXPECT_EQ(table.num_rows, 3u);
  EXPECT_THAT(table.columns[0].values, ElementsAre(1, 2, 3));
}

TEST(NpyTable, ReadsEveryVersionOfTheFormat) {
  for (const int version : {1, 2, 3}) {
    EXPECT_THAT(parsed(npy<double>("<f8", {1, 2}, "(2, 1)", "False", version)).columns[0].values,
                ElementsAre(1, 2));
  }
}

TEST(NpyTable, ReadsEveryType) {
  EXPECT_THAT(parsed(npy<float>("<f4", {0.5f, -2}, "(2,)")).columns[0].values, ElementsAre(0.5, -2));
  EXPECT_THAT(parsed(npy<std::int64_t>("<i8", {-1, 1LL << 40}, "(2,)")).columns[0].values,
              ElementsAre(-1, std::ldexp(1.0, 40)));
  EXPECT_THAT(parsed(npy<std::int32_t>("<i4", {-7, 7}, "(2,)")).columns[0].values, ElementsAre(-7, 7));
  EXPECT_THAT(parsed(npy<std::uint8_t>("|u1", {0, 255}, "(2,)")).columns[0].values, ElementsAre(0, 255));
}

TEST(NpyTable, RecordsValuesThatAreNotFinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const Table table = parsed(npy<double>("<f8", {1, -inf, 2, std::nan("")}, "(4, 1)"));
  const Column& column = table.columns[0];
  EXPECT_EQ(column.num_bad, 2u);
  EXPECT_EQ(column.first_bad->row, 1u);
  EXPECT_EQ(column.first_bad->text, "-inf");
  EXPECT_EQ(column.first_bad->kind, BadCellKind::not_finite);
  EXPECT_EQ(table.place(1), "data.npy, row 2");
}

TEST(NpyTable, WritesLabelsOfCategoricalColumnsAsNumbers) {
  const Table table = parsed(npy<double>("<f8", {1, 2.5}, "(2, 1)"), {.categorical = {"x1"}});
  EXPECT_THAT(table.columns[0].labels, ElementsAre("1", "2.5"));
}

TEST(NpyTable, RefusesOtherTypes) {
  expect_refused(npy<double>(">f8", {1}, "(1,)"), "`>f8`", "astype");
  expect_refused(npy<double>("<c16", {1, 2}, "(1,)"), "`<c16`");
  expect_refused(npy<double>("|O", {1}, "(1,)"), "`|O`");
  expect_refused(
      npy_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }") + bytes<double>({1}),
      "records");
}

TEST(NpyTable, RefusesOtherNumbersOfDimensions) {
  expect_refused(npy<double>("<f8", {1}, "()"), "0 dimensions");
  expect_refused(npy<double>("<f8", {1}, "(1, 1, 1)"), "3 dimensions", "Reshape");
}

TEST(NpyTable, RefusesAnEmptyArray) {
  expect_refused(npy<double>("<f8", {}, "(0, 3)"), "is empty", "0 x 3");
  expect_refused(npy<double>("<f8", {}, "(3, 0)"), "is empty", "3 x 0");
}

TEST(NpyTable, RefusesTruncatedOrSurplusData) {
  const std::string whole = npy<double>("<f8", {1, 2, 3, 4}, "(2, 2)");
  expect_refused(whole.substr(0, whole.size() - 1), "31 bytes", "2 x 2 values of 8 bytes");
  expect_refused(whole.substr(0, whole.size() - 16), "16 bytes");
  expect_refused(whole + "x", "33 bytes");
}

TEST(NpyTable, RefusesAShapeWhoseSizeOverflows) {
  expect_refused(npy<double>("<f8", {1, 2}, "(4611686018427387904, 4)"), "16 bytes");
}

TEST(NpyTable, RefusesEveryTruncatedHeader) {
  const std::string whole = npy<double>("<f8", {1}, "(1, 1)");
  for (std::size_t size = 6; size < whole.size(); ++size) {
    EXPECT_THROW(parsed(whole.substr(0, size)), InputError) << size;
  }
}

TEST(NpyTable, RefusesDamagedHeaders) {
  expect_refused(npy_header("{'descr': '<f8', 'shape': (1,), }"), "fortran_order");
  expect_refused(npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (a,), }"), "shape");
  expect_refused(npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"), "shape");
  expect_refused(npy_header(dictionary("<f8", "False", "(1,)"), 4), "version 4");
}

}  // namespace
}  // namespace moest
