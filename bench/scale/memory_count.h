// How much memory the process has asked for: every malloc, also of libraries, with what the
// allocator adds to it. Stacks and code are left out.
#ifndef HOLDFAST_BENCH_SCALE_MEMORY_COUNT_H_
#define HOLDFAST_BENCH_SCALE_MEMORY_COUNT_H_

#include <cstddef>
#include <cstdint>

namespace holdfast::scale {

// Thread safe. What the simulated store holds stands for objects elsewhere, so it is left out by
// exclude(), before it is allocated, and counted again by exclude() of the negative, after it was
// freed.
std::int64_t memory_now();
std::int64_t memory_peak();
void begin_memory_peak();  // from what is held now
void exclude_memory(std::int64_t bytes);

}  // namespace holdfast::scale

#endif  // HOLDFAST_BENCH_SCALE_MEMORY_COUNT_H_
