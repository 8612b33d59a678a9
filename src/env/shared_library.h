// A library that is loaded when it is first needed, because every other start of the program would
// pay for the libraries that it brings along with milliseconds.
#ifndef HOLDFAST_ENV_SHARED_LIBRARY_H_
#define HOLDFAST_ENV_SHARED_LIBRARY_H_

#include <string>

namespace holdfast::env {

struct SharedLibraryName {
  const char* file;     // "libpq.so.5"
  const char* purpose;  // "a database of PostgreSQL needs"
  const char* remedy;   // "Install …"
};

// Never unloaded: such libraries leave handlers for the end of the process. Copies are the same
// library.
class SharedLibrary {
 public:
  // Throws kUnsupported where it is not installed.
  explicit SharedLibrary(SharedLibraryName name);
  // Throws kUnsupported where the library has no such function.
  template <typename Function>
  void find(Function& function, const char* name) const {
    function = reinterpret_cast<Function>(address_of(name));
  }

 private:
  void* address_of(const char* name) const;

  SharedLibraryName name_;
  void* handle_;
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_SHARED_LIBRARY_H_
