// What a deploy takes with it, committed and pushed with the real git.
#ifndef HOLDFAST_SERVICE_GIT_COMMIT_H_
#define HOLDFAST_SERVICE_GIT_COMMIT_H_

#include <string>
#include <vector>

#include "base/progress.h"
#include "base/time.h"
#include "env/file_system.h"

namespace holdfast::service {

// "Auto-backup before deployment YYYY-MM-DD HH:MM", in local time.
std::string deployment_message(Time now);

struct GitCommit {
  bool committed = false;  // false: the paths are as they were committed last
  std::string commit;      // its id; or that of the last one
};

// In the repository around the working directory, with its hooks, as its configured user. Nothing
// is ever asked: a password that is missing is a failure.
class Git {
 public:
  Git(env::FileSystem& files, Progress& progress) : files_(files), progress_(progress) {}

  // Throws kGitFailed with what git said if this is no work tree.
  void expect_work_tree();
  // These paths and nothing else, also if other changes are staged.
  GitCommit commit(const std::vector<std::string>& paths, const std::string& message);
  // To where the current branch is pushed.
  void push();

 private:
  struct Said {
    int status = 0;
    std::string text;
  };
  Said run(std::vector<std::string> words);
  std::string expect(const std::string& doing, std::vector<std::string> words);

  env::FileSystem& files_;
  Progress& progress_;
};

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_GIT_COMMIT_H_
