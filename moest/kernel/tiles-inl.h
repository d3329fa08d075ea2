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

#if HWY_TARGET != HWY_SCALAR
/// The sums of the neighbours in a 256-bit or wider vector's halves, in its pairs of 128-bit blocks, and in
/// pairs of lanes: those of `a` and those of `b` side by side.
HWY_INLINE Lanes fold_halves(Lanes a, Lanes b) {
  const Lanes::Tag d;
  return Lanes(hn::ConcatLowerLower(d, b.raw, a.raw)) + Lanes(hn::ConcatUpperUpper(d, b.raw, a.raw));
}
HWY_INLINE Lanes fold_blocks(Lanes a, Lanes b) {
  return Lanes(hn::OddEvenBlocks(hn::SwapAdjacentBlocks(b.raw), a.raw)) +
         Lanes(hn::OddEvenBlocks(b.raw, hn::SwapAdjacentBlocks(a.raw)));
}
HWY_INLINE Lanes fold_pairs(Lanes a, Lanes b) {
  const Lanes::Tag d;
  return Lanes(hn::InterleaveLower(d, a.raw, b.raw)) + Lanes(hn::InterleaveUpper(d, a.raw, b.raw));
}
#endif

/// A vector with the sum of v[j]'s numbers in lane j.
template <int kCount = kLanes>
HWY_INLINE Lanes fold(const Lanes* v) {
#if HWY_TARGET == HWY_SCALAR
  return v[0];
#else
  static_assert(kCount == 2 || kCount == 4 || kCount == 8);
  if constexpr (kCount == 2) {
    return fold_pairs(v[0], v[1]);
  } else if constexpr (kCount == 4) {
    return fold_pairs(fold_halves(v[0], v[2]), fold_halves(v[1], v[3]));
  } else {
    return fold_pairs(fold_blocks(fold_halves(v[0], v[4]), fold_halves(v[2], v[6])),
                      fold_blocks(fold_halves(v[1], v[5]), fold_halves(v[3], v[7])));
  }
#endif
}

/// Calls f(0), .., f(kCount - 1) with compile-time numbers. A local array that is only indexed by these lives
/// in registers, which compilers do not manage for loops; the caller is HWY_FLATTEN.
template <int kCount, class Function>
HWY_INLINE void unrolled(const Function& f) {
  [&f]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    (f(std::integral_constant<int, kIndex>()), ...);
  }(std::make_integer_sequence<int, kCount>());
}

/// Whether a row of a product of matrices is given as it is or as a product of two runs.
enum class Rows { given, products };

/// Row by row, sums(r, c) += sum over the samples of rows[r] columns[c]. What lies behind, up to a whole
/// vector, has 0 added.
template <Rows kKind, int kRows, int kColumns>
HWY_FLATTEN void add_tile(const RowFactors* rows, const double* const* columns, int count, double* sums) {
  constexpr int kVectors = (kRows * kColumns + kLanes - 1) / kLanes;
  Lanes tile[kVectors * kLanes];
  unrolled<kVectors * kLanes>([&](auto i) { tile[i] = Lanes(0.0); });
  for (int s = 0; s < count; s += kLanes) {
    Lanes column[kColumns];
    unrolled<kColumns>([&](auto c) { column[c] = Lanes::load(columns[c] + s); });
    unrolled<kRows>([&](auto r) {
      Lanes row = Lanes::load(rows[r].a + s);
      if constexpr (kKind == Rows::products) {
        row = row * Lanes::load(rows[r].b + s);
      }
      unrolled<kColumns>([&](auto c) {
        constexpr int kEntry = r * kColumns + c;
        tile[kEntry] = fused(row, column[c], tile[kEntry]);
      });
    });
  }
  unrolled<kVectors>([&](auto i) {
    double* const to = sums + i * kLanes;
    (Lanes::load(to) + fold(tile + i * kLanes)).store(to);
  });
}

/// The same for 1 <= num_rows <= kRows and 1 <= num_columns <= kColumns.
template <Rows kKind, int kRows = kTileRows, int kColumns = kTileColumns>
void add_cut_tile(int num_rows, int num_columns, const RowFactors* rows, const double* const* columns,
                  int count, double* sums) {
  if constexpr (kColumns > 1) {
    if (num_columns < kColumns) {
      return add_cut_tile<kKind, kRows, kColumns - 1>(num_rows, num_columns, rows, columns, count, sums);
    }
  }
  if constexpr (kRows > 1) {
    if (num_rows < kRows) {
      return add_cut_tile<kKind, kRows - 1, kColumns>(num_rows, num_columns, rows, columns, count, sums);
    }
  }
  add_tile<kKind, kRows, kColumns>(rows, columns, count, sums);
}

/// Numbers that the sums of one tile take in memory.
constexpr int kTilePlaces = kTileRows * kTileColumns;

/// sums += rows' columns for any number of rows and at most kTileColumns columns, tile by tile; returns the
/// place behind them.
template <Rows kKind>
double* add_sums(const RowFactors* rows, int num_rows, const double* const* columns, int num_columns,
                 int count, double* sums) {
  for (int r = 0; r < num_rows; r += kTileRows) {
    add_cut_tile<kKind>(std::min(kTileRows, num_rows - r), num_columns, rows + r, columns, count, sums);
    sums += kTilePlaces;
  }
  return sums;
}
// NOLINTEND(bugprone-implicit-widening-of-multiplication-result)
