// How many connections this process has open, and the closing of descriptors that must wait for it.
//
// SQLite keeps POSIX locks on the database file and on `-shm`; closing any other descriptor of the
// same file in this process drops them. This is the one place that knows when closing is safe.
// Thread safe.
#ifndef HOLDFAST_SQLITE_OPEN_CONNECTIONS_H_
#define HOLDFAST_SQLITE_OPEN_CONNECTIONS_H_

#include <cstddef>

namespace holdfast::sqlite {

// Each Connection holds one of these from before it opens until after it has closed.
class OpenConnection {
 public:
  OpenConnection();
  ~OpenConnection();  // the last one closes what waits
  OpenConnection(OpenConnection&& other) noexcept;
  OpenConnection& operator=(OpenConnection&& other) noexcept;

 private:
  bool counted_ = true;
};

// Closes the descriptor now if no connection is open in this process, else when the last is closed.
// No connection can open between the test and the closing.
void close_when_unlocked(int descriptor) noexcept;

std::size_t open_connections();
std::size_t waiting_descriptors();  // for tests

}  // namespace holdfast::sqlite

#endif  // HOLDFAST_SQLITE_OPEN_CONNECTIONS_H_
