// A value as libpq sends it.
#ifndef HOLDFAST_POSTGRES_PARAMETER_H_
#define HOLDFAST_POSTGRES_PARAMETER_H_

#include <string>

#include "postgres/connection.h"

namespace holdfast::postgres {

// Everything but blobs goes as text without a type, so that the server reads it as what the column
// is: a number reaches a numeric column with all its digits. A blob has its type, so that one is
// never taken for text. The value must outlive this.
class Parameter {
 public:
  explicit Parameter(const Bound& bound);

  unsigned type() const { return binary_ ? kBytea : 0; }
  const char* bytes() const;
  int size() const { return size_; }
  int format() const { return binary_ ? 1 : 0; }

 private:
  static constexpr unsigned kBytea = 17;
  const Value* value_;
  std::string number_;
  int size_ = 0;
  bool binary_ = false;
};

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_PARAMETER_H_
