#include "env/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::env {
namespace {

Error not_loaded(const SharedLibraryName& name) {
  const char* said = dlerror();
  return Error(ErrorCode::kUnsupported,
               fmt::format("{}, which {}, cannot be loaded: {}", name.file, name.purpose,
                           said == nullptr ? "?" : said),
               {}, name.remedy);
}

}  // namespace

SharedLibrary::SharedLibrary(SharedLibraryName name)
    : name_(name), handle_(dlopen(name.file, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr) throw not_loaded(name_);
}

void* SharedLibrary::address_of(const char* name) const {
  void* const address = dlsym(handle_, name);
  if (address == nullptr) throw not_loaded(name_);
  return address;
}

}  // namespace holdfast::env
