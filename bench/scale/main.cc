// `./dev bench --scale`: see docs/scale.md.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

#include "scale/measurements.h"
#include "scale/memory_count.h"

namespace holdfast::scale {
namespace {

constexpr const char* kUsage =
    "usage: ./dev bench --scale [--databases=N] [--snapshots=N] [--latency-ms=N]\n"
    "                           [--megabytes-a-second=N] [--seed=N]\n\n"
    "Simulates a repository of N databases of 10 GB with N snapshots each (1000 and 10), in an\n"
    "object store that answers after 30 ms and moves 100 MB a second. 88 databases make a million\n"
    "blobs. The first needs about 4 GB of memory, the second 0.4 GB.\n";

std::string spoken(std::uint64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (number >= 1e9) return fmt::format("{:.2f} GB", number / 1e9);
  return fmt::format("{:.1f} MB", number / 1e6);
}

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

void print(const Measured& measured) {
  const Traffic& traffic = measured.traffic;
  fmt::print("{:<22}{:>9} requests (", measured.work, traffic.total());
  bool first = true;
  for (std::size_t verb = 0; verb < traffic.requests.size(); ++verb) {
    if (traffic.requests[verb] == 0) continue;
    fmt::print("{}{} {}", first ? "" : ", ", traffic.requests[verb],
               storage::verb_name(static_cast<storage::Verb>(verb)));
    first = false;
  }
  fmt::print(")\n{:<22}{} up, {} down; {:.1f} s of waiting, {:.1f} s of computing; {} of memory\n",
             "", spoken(traffic.bytes_up), spoken(traffic.bytes_down), seconds_of(traffic.elapsed),
             measured.seconds, spoken(static_cast<std::uint64_t>(measured.peak_bytes)));
  std::fflush(stdout);
}

bool take_number(std::string_view argument, std::string_view name, std::uint64_t& number) {
  if (!argument.starts_with(name) || argument.substr(name.size(), 1) != "=") return false;
  number = std::strtoull(argument.data() + name.size() + 1, nullptr, 10);
  return number > 0;
}

void run(const Shape& shape, const Network& network) {
  fmt::print("{} in {} databases and {} snapshots; {} ms a request, {:.0f} MB/s; seed {}\n",
             spoken(shape.bytes()), shape.databases, shape.databases * shape.snapshots,
             network.latency.count() / 1000, network.bytes_a_second / 1e6, shape.seed);
  Simulation simulation(shape, network);
  fmt::print("{} blobs in {} packs, {} stored\n\n", simulation.blobs(), simulation.packs(),
             spoken(simulation.stored_bytes()));
  const auto index = [&] {
    const Measured loaded = simulation.load_index();
    print(loaded);
    const auto blobs = static_cast<double>(simulation.blobs());
    fmt::print("{:<22}{:.1f} bytes a blob held, {:.1f} while it is loaded\n\n", "",
               static_cast<double>(loaded.kept_bytes) / blobs,
               static_cast<double>(loaded.peak_bytes) / blobs);
  };
  index();
  const Measured backup = simulation.back_up();
  print(backup);
  fmt::print("{:<22}{:.1f} s to the first byte\n\n", "", seconds_of(backup.traffic.first_pack));
  print(simulation.restore());
  fmt::print("\n");
  print(simulation.forget(3));
  fmt::print("\n");
  const auto prune = [&] {
    print(simulation.prune());
    const repository::PruneResult& result = simulation.pruned();
    fmt::print("{:<22}{} packs removed, {} of them rewritten ({}), {} freed; {} index objects\n\n",
               "", result.packs_removed, result.packs_repacked, spoken(result.bytes_rewritten),
               spoken(result.bytes_freed), result.index_objects_after);
  };
  prune();
  index();
  prune();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{} was the most memory of all, with the simulated store\n",
             spoken(static_cast<std::uint64_t>(usage.ru_maxrss) * 1024));
}

}  // namespace
}  // namespace holdfast::scale

int main(int count, char** words) {
  using namespace holdfast::scale;
  Shape shape;
  Network network;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    std::uint64_t number = 0;
    if (take_number(word, "--latency-ms", number)) {
      network.latency = std::chrono::milliseconds(number);
    } else if (take_number(word, "--megabytes-a-second", number)) {
      network.bytes_a_second = static_cast<double>(number) * 1e6;
    } else if (!take_number(word, "--databases", shape.databases) &&
               !take_number(word, "--snapshots", shape.snapshots) &&
               !take_number(word, "--seed", shape.seed)) {
      std::fputs(kUsage, stderr);
      return 2;
    }
  }
  try {
    run(shape, network);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
