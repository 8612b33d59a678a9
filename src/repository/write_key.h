// Keys of machines that can back up but not read: what they are derived from, and what they can do.
//
// Such a machine holds a secret of its own, which follows from the master key, the id of its key
// object and the machine's name, and from which nothing else follows; and the repository's public
// key. It writes sealed sessions (sealed_session.h), which whoever has the master key takes in
// (adoption.h). All its digests and ids are under keys of its own: with the repository's, two pages
// with one digest could be made up, and other machines' content be passed off as known.
#ifndef HOLDFAST_REPOSITORY_WRITE_KEY_H_
#define HOLDFAST_REPOSITORY_WRITE_KEY_H_

#include "codec/sealed_box.h"
#include "codec/secret_key.h"
#include "repository/keys.h"
#include "repository/master_keys.h"

namespace holdfast::repository {

codec::SealingKeys sealing_keys(const codec::SecretKey& master);
// The name is part of it: whoever changes that in the key object makes the key worthless.
codec::SecretKey machine_secret(const codec::SecretKey& master, const KeyInfo& key);
// Of a sealed session: what encrypts follows from its random key, which nobody but the repository
// has once the session has ended; what tells whether pages are the same follows from the machine's
// secret, and is the same in all its sessions.
MasterKeys session_keys(const codec::SecretKey& session, const codec::SecretKey& machine);

}  // namespace holdfast::repository

#endif  // HOLDFAST_REPOSITORY_WRITE_KEY_H_
