// Walks the structure of a database through its interior pages
// (https://sqlite.org/fileformat2.html, sections 1.5 and 1.6).
#ifndef HOLDFAST_SQLITE_BTREE_WALK_H_
#define HOLDFAST_SQLITE_BTREE_WALK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sqlite/page_facts.h"
#include "sqlite/page_source.h"

namespace holdfast::sqlite {

// Remembers which pages it met, one bit each, so that no damage makes a walk endless or counts a
// page twice.
class BtreeWalk {
 public:
  static constexpr std::size_t kMostProblems = 20;

  // Appends to `problems`, up to kMostProblems. All arguments must outlive this.
  BtreeWalk(PageSource& source, const std::vector<PageFacts>& facts,
            std::vector<std::string>& problems);

  // Entries of the b-tree at `root`: rows of a table, keys of an index. Empty where it is damaged;
  // `owner` names the tree in the problems. Appends the leaves it counted to `leaves`, if given.
  std::optional<std::uint64_t> entries_below(std::int64_t root, std::string_view owner,
                                             std::vector<PageNumber>* leaves = nullptr);
  void check_freelist();

 private:
  struct Tree {
    std::string_view owner;
    std::vector<PageNumber>* leaves = nullptr;
    bool is_table = false;  // as its root says; an index otherwise
    std::uint64_t entries = 0;
    bool intact = true;
  };
  bool is_table_page(PageNumber page);
  void visit(Tree& tree, PageNumber page, std::vector<PageNumber>& pending);
  void visit_interior(Tree& tree, PageNumber page, std::vector<PageNumber>& pending);
  // False, and a problem, for a page that is out of range or was met before.
  bool meet(std::int64_t page, std::string_view owner);
  void report(std::string problem);

  PageSource& source_;
  const std::vector<PageFacts>& facts_;
  std::vector<std::string>& problems_;
  Geometry geometry_;
  std::vector<bool> met_;
  Bytes buffer_;  // one page
};

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_BTREE_WALK_H_
