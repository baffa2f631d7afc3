// Matrix products by tiles. A product is cut into strips of rows and panels of columns; nobody cuts its sums. The cut
// is made once, into a list of calls: on a small network, finding the tiles costs as much as computing them.
#pragma once

#include <array>
#include <vector>

#include "panels.hpp"
#include "tile.hpp"

namespace chainrule {

template <class T> using Tile = void (*)(const Call<T>&, const Descents<T>&);

// Most rows a tile of so many units can have, and the widest piece of a panel a tile takes at once.
template <class T> constexpr int tile_rows(int units) {
    return units == 1 ? TileShape<T, 1>::ROWS : units == 2 ? TileShape<T, 2>::ROWS
         : units == 3 ? TileShape<T, 3>::ROWS : TileShape<T, 4>::ROWS;
}
constexpr int PIECE_UNITS = VECTOR_BYTES == 64 ? 4 : VECTOR_BYTES == 32 ? 3 : 2;
constexpr int MOST_ROWS = 12;

template <class T, int UNITS, Rows ROWS, int... I>
constexpr std::array<Tile<T>, MOST_ROWS> tiles_of_width(std::integer_sequence<int, I...>) {
    return {(I < tile_rows<T>(UNITS) ? tile<T, UNITS, (I < tile_rows<T>(UNITS) ? I + 1 : 1), ROWS> : nullptr)...};
}

template <class T, Rows ROWS, int... U>
constexpr std::array<std::array<Tile<T>, MOST_ROWS>, PIECE_UNITS> all_tiles(std::integer_sequence<int, U...>) {
    return {tiles_of_width<T, U + 1, ROWS>(std::make_integer_sequence<int, MOST_ROWS>())...};
}

template <class T, Rows ROWS>
inline constexpr auto TILES = all_tiles<T, ROWS>(std::make_integer_sequence<int, PIECE_UNITS>());

// f(first row, rows) for near-equal strips of at most `most` of the rows [0, rows).
template <class F> __attribute__((always_inline)) inline void for_strips(Index rows, int most, F f) {
    if (rows == 0) return;
    if (rows <= most) return f(Index(0), int(rows));
    const auto strips = unsigned(rows + most - 1) / unsigned(most);
    const auto least = unsigned(rows) / strips, more = unsigned(rows) - least * strips;  // `more` strips have one more row
    Index from = 0;
    for (unsigned s = 0; s < strips; s++) {
        const int count = int(least + (s < more));
        f(from, count);
        from += count;
    }
}

// f(first unit, units) for the pieces of a panel that tiles can take: 4 units are 2 + 2 where 3 is the widest.
template <class F> __attribute__((always_inline)) inline void for_pieces(int units, F f) {
    for (int at = 0; at < units;) {
        const int left = units - at, piece = left <= PIECE_UNITS ? left : left == 4 ? 2 : PIECE_UNITS;
        f(at, piece);
        at += piece;
    }
}

template <class T> using Calls = std::vector<Call<T>>;

// Add the calls for `rows` rows of C = A·B, one panel of `width` columns wide. `whole` is the call as it would be if one
// tile could do it all.
template <class T, Rows ROWS> void append_product(Calls<T>& calls, Index rows, Index width, const Call<T>& whole) {
    for_pieces(int(width / UNIT<T>), [&](int unit, int units) {
        const Index at = unit * UNIT<T>;
        for_strips(rows, tile_rows<T>(units), [&](Index from, int count) {
            Call<T> call = whole;
            call.tile = TILES<T, ROWS>[units - 1][count - 1];
            call.a += from * (ROWS == Rows::UPRIGHT ? call.row : 1);
            call.b += at;
            if (call.start) call.start += at;
            if (call.gate) call.gate += from * call.gate_stride + at;
            call.c += from * call.c_stride + at;
            calls.push_back(call);
        });
    });
}

template <class T> inline void run(const Calls<T>& calls) {
    for (const auto& call : calls) call.tile(call, {});
}

}  // namespace chainrule
