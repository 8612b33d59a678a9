// Whether the places that a configuration names take what is to be kept there.
#ifndef HOLDFAST_SERVICE_PLACE_CHECK_H_
#define HOLDFAST_SERVICE_PLACE_CHECK_H_

#include "service/session.h"

namespace holdfast::service {

// Each throws what keeps a small file from being written, synced, read back and removed again, and
// what else stands in the way. Nothing is left behind, and no other file is touched.

// The repository opens and takes objects, where one is needed or named; the databases of
// collections may be written to.
void check_backup_places(Session& session);
// No target is a link or a folder that is none of ours, and all their folders take files.
void check_export_places(Session& session);
// Of spool and emergency copies; what is made when it is needed can be.
void check_spool_places(Session& session);
// Snapshots and exports that are there are intact, as far as can be told without reading it all.
void check_copies(Session& session);

}  // namespace holdfast::service

#endif  // HOLDFAST_SERVICE_PLACE_CHECK_H_
