// Small matrix products of runs of samples, a tile of the result at a time in registers. block_pass.cc
// includes this text into the namespace of each SIMD target. Hence no include guard, and nothing else
// includes it.
// Offsets inside one block, and among the sums of one layout, fit an int.
// NOLINTBEGIN(bugprone-implicit-widening-of-multiplication-result)

// The widest tile of sums that stays in registers: kTileRows x kTileColumns sums, a row and the columns.
constexpr int kTileRows = 4;
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kTileColumns = 6;
#else
constexpr int kTileColumns = 3;
#endif
// Affine functions are computed for this many units and vectors at a time.
constexpr int kUnitsPerTile = 4;
constexpr int kVectorsPerTile = 2;

/// t[u] = the affine function with coefficients[u] of `set`'s features, whose runs follow each other from
/// `features`, for `count` samples; the last coefficient is the constant's.
template <int kUnits>
void affine_tile(const double* const* coefficients, const FeatureSet& set, const double* features, int count,
                 double* const* t) {
  for (int s = 0; s < count; s += kVectorsPerTile * kLanes) {
    Lanes sums[kUnits][kVectorsPerTile];
    for (int unit = 0; unit < kUnits; ++unit) {
      for (Lanes& sum : sums[unit]) {
        sum = Lanes(set.constant ? coefficients[unit][set.num_columns] : 0.0);
      }
    }
    for (int j = 0; j < set.num_columns; ++j) {
      for (int vector = 0; vector < kVectorsPerTile; ++vector) {
        const Lanes z = Lanes::load(features + j * kBlockSize + s + vector * kLanes);
        for (int unit = 0; unit < kUnits; ++unit) {
          sums[unit][vector] = fused(Lanes(coefficients[unit][j]), z, sums[unit][vector]);
        }
      }
    }
    for (int unit = 0; unit < kUnits; ++unit) {
      for (int vector = 0; vector < kVectorsPerTile; ++vector) {
        sums[unit][vector].store(t[unit] + s + vector * kLanes);
      }
    }
  }
}

/// The same for 1 <= num_units <= kUnits.
template <int kUnits = kUnitsPerTile>
void affine_functions(int num_units, const double* const* coefficients, const FeatureSet& set,
                      const double* features, int count, double* const* t) {
  if constexpr (kUnits > 1) {
    if (num_units < kUnits) {
      return affine_functions<kUnits - 1>(num_units, coefficients, set, features, count, t);
    }
  }
  affine_tile<kUnits>(coefficients, set, features, count, t);
}

/// sums(r, c) += sum over the samples of rows[r] columns[c], spread over the lanes. A sum takes kLanes
/// numbers, a row of them `stride` sums.
template <int kRows, int kColumns>
void add_tile(const double* const* rows, const double* const* columns, int count, int stride, double* sums) {
  Lanes tile[kRows][kColumns];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      tile[r][c] = Lanes::load(sums + (r * stride + c) * kLanes);
    }
  }
  for (int s = 0; s < count; s += kLanes) {
    Lanes column[kColumns];
    for (int c = 0; c < kColumns; ++c) {
      column[c] = Lanes::load(columns[c] + s);
    }
    for (int r = 0; r < kRows; ++r) {
      const Lanes row = Lanes::load(rows[r] + s);
      for (int c = 0; c < kColumns; ++c) {
        tile[r][c] = fused(row, column[c], tile[r][c]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      tile[r][c].store(sums + (r * stride + c) * kLanes);
    }
  }
}

/// The same for 1 <= num_rows <= kRows and 1 <= num_columns <= kColumns.
template <int kRows = kTileRows, int kColumns = kTileColumns>
void add_cut_tile(int num_rows, int num_columns, const double* const* rows, const double* const* columns,
                  int count, int stride, double* sums) {
  if constexpr (kColumns > 1) {
    if (num_columns < kColumns) {
      return add_cut_tile<kRows, kColumns - 1>(num_rows, num_columns, rows, columns, count, stride, sums);
    }
  }
  if constexpr (kRows > 1) {
    if (num_rows < kRows) {
      return add_cut_tile<kRows - 1, kColumns>(num_rows, num_columns, rows, columns, count, stride, sums);
    }
  }
  add_tile<kRows, kColumns>(rows, columns, count, stride, sums);
}

/// sums += rows' columns for any number of rows and columns; sums lie row by row.
inline void add_sums(const double* const* rows, int num_rows, const double* const* columns, int num_columns,
                     int count, double* sums) {
  for (int c = 0; c < num_columns; c += kTileColumns) {
    for (int r = 0; r < num_rows; r += kTileRows) {
      add_cut_tile(std::min(kTileRows, num_rows - r), std::min(kTileColumns, num_columns - c), rows + r,
                   columns + c, count, num_columns, sums + (r * num_columns + c) * kLanes);
    }
  }
}
// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)
