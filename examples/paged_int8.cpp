// An int8 cache in blocks that a table deals out to sequences, with a scale and an offset per channel.
#include <ifa/incre_flash_attention.hpp>

#include "support/tour.hpp"

namespace tour {

Result paged_int8() {
    constexpr Index B = 3, N = 32, kvN = 8, D = 128, num_blocks = 40, block_size = 128, M = 16;
    const double scale = 1 / std::sqrt(D);
    Random random;
    const auto q = random.values<ifa::float16>(B * N * D);                                       // [B, 1, N * D]
    const auto k8 = random.values<std::int8_t>(num_blocks * block_size * kvN * D, -128, 128);    // [num_blocks,
    const auto v8 = random.values<std::int8_t>(num_blocks * block_size * kvN * D, -128, 128);    // block_size, kvN * D]
    const auto antiquant_scale = random.values<ifa::float16>(2 * kvN * D, 1 / 128.f, 1 / 64.f);  // [2, kvN, D]
    const auto antiquant_offset = random.values<ifa::float16>(2 * kvN * D, -16, 16);             // [2, kvN, D]
    const std::vector<std::int64_t> lengths = {2000, 1, 1300};
    std::vector<ifa::float16> out(B * N * D);  // [B, 1, N * D]

    // Blocks are dealt out in no particular order. Entries that hold no token are never looked at.
    std::vector<std::int32_t> table(B * M, -1);  // [B, M]
    for (std::size_t b = 0, next = 7; b < B; ++b)
        for (std::size_t i = 0; i * block_size < static_cast<std::size_t>(lengths[b]); ++i, next += 11)
            table[b * M + i] = static_cast<std::int32_t>(next % num_blocks);

    const ifa::Shape q_shape{.batch = B, .heads = N, .head_dim = D};
    const auto call = [&] {
        // [readme]
        const ifa::Shape pool{.batch = num_blocks, .heads = kvN, .seq = block_size, .head_dim = D};
        const ifa::PagedKv pages{ifa::bsh(k8, pool), ifa::bsh(v8, pool),
                                 ifa::block_table(table, {.batch = B, .max_blocks = M})};
        ifa::incre_flash_attention(ifa::bsh(q, q_shape),
                                   ifa::antiquant(pages, ifa::per_channel(antiquant_scale, antiquant_offset)),
                                   ifa::bsh(out, q_shape), {.scale = scale}, ifa::RightPadding{.lengths = lengths});
        // [end]
    };

    // Token j of sequence b is row j % block_size of its block.
    const auto from_pages = [&](const std::vector<std::int8_t>& pool) {
        const auto at = [&](Index b, Index h, Index j, Index d) {
            const Index block = table[static_cast<std::size_t>(b * M + j / block_size)];
            const Index row = (block * block_size + j % block_size) * kvN + h;
            return block < 0 ? 0.0 : number(pool[static_cast<std::size_t>(row * D + d)]);
        };
        return Numbers{ifa::Shape{.batch = B, .heads = kvN, .seq = M * block_size, .head_dim = D}, kInt8, at};
    };

    Formula exact(from_bsh(q, q_shape), dequantised(from_pages(k8), antiquant_scale, antiquant_offset, 0),
                  dequantised(from_pages(v8), antiquant_scale, antiquant_offset, 1), scale);
    exact.end = lengths;
    return check(exact, call, from_bsh(out, q_shape));
}

}  // namespace tour
