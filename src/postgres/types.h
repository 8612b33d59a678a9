// The types of PostgreSQL that are more to us than text.
#ifndef HOLDFAST_POSTGRES_TYPES_H_
#define HOLDFAST_POSTGRES_TYPES_H_

#include "base/value.h"

namespace holdfast::postgres {

// Numbers of types never change: src/include/catalog/pg_type.dat of PostgreSQL.
inline constexpr unsigned kPaddedText = 1042;  // char(n)

constexpr ColumnKind kind_of_type(unsigned type) {
  switch (type) {
    case 16:
      return ColumnKind::kBoolean;
    case 17:
      return ColumnKind::kBlob;
    case 20:  // bigint
    case 21:  // smallint
    case 23:  // integer
    case 26:  // oid
      return ColumnKind::kInteger;
    case 700:  // real
    case 701:  // double precision
      return ColumnKind::kReal;
    case 1700:
      return ColumnKind::kDecimal;
    case 114:   // json
    case 3802:  // jsonb
      return ColumnKind::kJson;
    default:
      return ColumnKind::kText;
  }
}

}  // namespace holdfast::postgres

#endif  // HOLDFAST_POSTGRES_TYPES_H_
