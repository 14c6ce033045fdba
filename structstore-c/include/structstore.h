// StructStore for C: structured object storage, dynamically typed, shared between processes.
//
// cbindgen writes this file from the crate structstore-c, whose documentation says what holds for all functions.

#ifndef STRUCTSTORE_H
#define STRUCTSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
// What a pointer to a name or text is made of, for literals: STST_LITERAL("num").
#define STST_LITERAL(text) (text), (sizeof(text) - 1)

// The result of a function. The numbers do not change between versions.
typedef enum {
  // Success.
  STST_OK = 0,
  // There is no field of that name.
  STST_NOT_FOUND = 1,
  // A field of that name already exists.
  STST_ALREADY_EXISTS = 2,
  // A value does not have the requested or declared type.
  STST_WRONG_TYPE = 3,
  // A number does not fit the requested or declared type.
  STST_OUT_OF_RANGE = 4,
  // A value is outside of the limits declared for its field.
  STST_OUTSIDE_LIMITS = 5,
  // An index is beyond the end of a list.
  STST_INDEX_OUT_OF_RANGE = 6,
  // A structure would nest deeper than the format allows.
  STST_TOO_DEEP = 7,
  // The store cannot hold a value of this type.
  STST_UNSUPPORTED = 8,
  // A conversion refused a value.
  STST_REJECTED = 9,
  // The value of a handle was removed or replaced.
  STST_STALE_HANDLE = 10,
  // This thread holds a guard; only that guard may operate on what it covers.
  STST_HELD_BY_GUARD = 11,
  // This thread has an open transaction that covers only a part of the change.
  STST_IN_TRANSACTION = 12,
  // This thread would wait for itself.
  STST_DEADLOCK = 13,
  // A lock was not granted in time.
  STST_LOCK_TIMEOUT = 14,
  // A process died while it changed the structure, and this read-only attachment cannot repair it.
  STST_ABANDONED = 15,
  // A read-only attachment found no moment without a change.
  STST_CONTENDED = 16,
  // The type of a field is declared: it can be assigned, but not removed or retyped.
  STST_DECLARED = 17,
  // A struct has another version of its type.
  STST_OTHER_VERSION = 18,
  // A struct is in use, so it can be removed or replaced only if that is forced.
  STST_BOUND = 19,
  // No sample of a stream has been published yet.
  STST_NO_SAMPLE = 20,
  // Another process publishes to a stream.
  STST_HAS_PUBLISHER = 21,
  // The frames of a stream are in use.
  STST_FRAMES_PINNED = 22,
  // Views of an array exist.
  STST_LEASED = 23,
  // A name cannot be that of a field or a store.
  STST_INVALID_NAME = 24,
  // An argument is not acceptable.
  STST_INVALID_ARGUMENT = 25,
  // More is in use than the format has room for.
  STST_TOO_MANY = 26,
  // A signal interrupted a wait.
  STST_INTERRUPTED = 27,
  // A store cannot grow any further.
  STST_OUT_OF_SPACE = 28,
  // A store that was opened read-only, or as an observer, cannot be changed.
  STST_READ_ONLY = 29,
  // A store is in use by others.
  STST_IN_USE = 30,
  // A store could not be attached in this forked process.
  STST_DETACHED = 31,
  // A store belongs to another user.
  STST_FOREIGN_OWNER = 32,
  // A store or snapshot has another format.
  STST_MISMATCH = 33,
  // A store was not there, or not ready, in time.
  STST_NOT_READY = 34,
  // The memory of a store is damaged.
  STST_CORRUPT = 35,
  // The operating system reported an error.
  STST_IO = 36,
  // A fault in this library.
  STST_PANIC = 100,
  // An error that this version of the header does not know.
  STST_OTHER = 101,
} stst_status;

// How a place is addressed within its struct or list.
typedef enum {
  // A field of a struct: `text` is its name, and `number` the hash of the name, or 0 to have it computed.
  STST_KEY = 0,
  // An item of a list: `number` is its index.
  STST_INDEX = 1,
  // The field, item or element at a path below a struct, such as `arm.gains[2]`: `text` is the path.
  STST_PATH = 2,
  // After the last item of a list: assigning appends.
  STST_END = 3,
  // Before the item at the index `number`: assigning inserts.
  STST_BEFORE = 4,
} stst_step;

// The kinds of values. The numbers are those of the segment's format.
typedef enum {
  // No value.
  STST_NULL = 1,
  // bool
  STST_BOOL = 2,
  // int8_t
  STST_I8 = 3,
  // int16_t
  STST_I16 = 4,
  // int32_t
  STST_I32 = 5,
  // int64_t
  STST_I64 = 6,
  // uint8_t
  STST_U8 = 7,
  // uint16_t
  STST_U16 = 8,
  // uint32_t
  STST_U32 = 9,
  // uint64_t
  STST_U64 = 10,
  // float
  STST_F32 = 11,
  // double
  STST_F64 = 12,
  // A string, in UTF-8.
  STST_STR = 16,
  // Bytes.
  STST_BYTES = 17,
  // Values in order.
  STST_LIST = 18,
  // Named values.
  STST_STRUCT = 19,
  // An array of numbers or records, in up to 32 dimensions.
  STST_ARRAY = 20,
  // A stream of samples.
  STST_STREAM = 21,
} stst_kind;

// When a store ends.
typedef enum {
  // The creator's choice applies; a store that this call creates is transient.
  STST_CLEANUP_DEFAULT = 0,
  // When the last process that can change it closes it.
  STST_CLEANUP_TRANSIENT = 1,
  // When it is unlinked.
  STST_CLEANUP_PERSISTENT = 2,
  // When it is closed here.
  STST_CLEANUP_ALWAYS = 3,
} stst_cleanup;

// A sample that is read in place if it has more than 4 KiB; a smaller one is copied.
typedef struct stst_frame stst_frame;

// A frame that this process fills before it publishes it: a sample of more than 4 KiB, without a copy.
typedef struct stst_loan stst_loan;

// A lock on a struct or list and everything below it, until it is freed.
typedef struct stst_lock stst_lock;

// A handle to a struct or a list in a store. Free it with `stst_node_free`; the struct or list stays in the store.
typedef struct stst_node stst_node;

// A store. Handles that were obtained from it must be freed separately.
typedef struct stst_store stst_store;

// A stream in a store.
typedef struct stst_stream stst_stream;

// Strings that a function returned: names, paths, or a text, which is one string. Free them with `stst_strings_free`.
typedef struct stst_strings stst_strings;

// A transaction: the changes that this thread makes to a struct, and below it, take effect together when it is committed, or not at all.
typedef struct stst_transaction stst_transaction;

// A view of an array's elements. Their memory stays valid until the view is freed, even if the array is replaced or removed. A view takes no lock.
typedef struct stst_view stst_view;

// Reports changes by any process in a struct or list, and below it. One thread at a time may use it.
typedef struct stst_watch stst_watch;

// A place in a store.
typedef struct {
  // The struct or list.
  const stst_node *node;
  // A name or path.
  const char *text;
  // The length of that.
  size_t length;
  // A hash or an index.
  uint64_t number;
  // One of `stst_step`.
  uint32_t step;
} stst_place;

// An array in memory, in C order.
typedef struct {
  // The type of its elements as NumPy writes it, such as "<f8" or "|u1"; of records `[('t', '<f8'), ('n', '<i4')]`.
  const char *dtype;
  // The length of that.
  size_t dtype_length;
  // How many elements there are along each dimension.
  const size_t *shape;
  // How many dimensions there are.
  size_t dimensions;
  // The elements.
  void *data;
  // How many bytes they have.
  size_t size;
  // For a view: whether it may be written to.
  bool writable;
} stst_array;

// The limits of a field, its unit and its description. Set `struct_size` to the size of this struct, and unused members to zero.
typedef struct {
  // The size of this struct.
  size_t struct_size;
  // The smallest and the largest number, if `has_range` is set.
  double least;
  // See `least`.
  double greatest;
  // The step by which user interfaces change it; 0 means none.
  double step;
  // Whether there is a range.
  bool has_range;
  // Whether floating-point numbers have to be finite.
  bool finite;
  // Whether tools should leave it unchanged.
  bool read_only;
  // Its unit.
  const char *unit;
  // The length of that.
  size_t unit_length;
  // Its description.
  const char *description;
  // The length of that.
  size_t description_length;
} stst_limits;

// How to open a shared store. Set `struct_size` to the size of this struct, and unused members to zero.
typedef struct {
  // The size of this struct, which identifies the version of the caller's header.
  size_t struct_size;
  // The initial size of a new store in bytes; 0 is the minimum. A store grows automatically.
  uint64_t size;
  // The maximum size in bytes; 0 is the default, 64 GiB.
  uint64_t max_size;
  // When its name is removed, one of `stst_cleanup`.
  uint32_t cleanup;
  // The permissions of a new store; 0 is 0600.
  uint32_t mode;
  // How long to wait for a store to be ready, in seconds; 0 is the default, 10 s.
  double timeout;
  // Replaces an existing store with an empty one.
  bool reinit;
  // Attaches read-only.
  bool read_only;
  // Attaches as an observer: read-only, and without keeping the store alive.
  bool observe;
  // Fails if the store does not exist, instead of creating it.
  bool must_exist;
  // Accepts a store of another user.
  bool any_owner;
  // Interprets the name as the path of a file.
  bool file;
  // Locks the memory that the store has when it is opened, so that it is never swapped out.
  bool lock_memory;
  // How many bytes to map at once, so that their first use causes no page fault.
  uint64_t prefault;
  // The group of a new store, by name or number; null for that of the process.
  const char *group;
  // The length of that.
  size_t group_length;
} stst_options;

// Information about a sample.
typedef struct {
  // Its number, from 0.
  uint64_t number;
  // When it was published, in nanoseconds of CLOCK_MONOTONIC.
  uint64_t time;
  // How many samples before it were lost to this reader.
  uint64_t missed;
} stst_sample;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library that is linked: major times 1,000,000, minor times 1,000, and patch.
uint32_t stst_version(void);

// Assigns an array. `live`: assigning it again changes the elements in place, and views show it.
stst_status stst_set_array(const stst_place *place, const stst_array *array, bool live);

// A view of the array at a place.
stst_status stst_get_view(const stst_place *place, stst_view **view);

// Describes what a view shows. The pointers are valid until the view is freed. Other processes may change the elements at any time, unless every writer
// takes a lock on the struct first.
stst_status stst_view_array(const stst_view *view,
                            stst_array *array);

// Whether the elements are still those of the array, which may have been replaced or removed.
stst_status stst_view_is_current(const stst_view *view, bool *current);

// Frees a view. A null pointer is ignored.
stst_status stst_view_free(stst_view *view);

// Tells watchers that elements of the array at a place were changed through a view.
stst_status stst_notify(const stst_place *place);

// Writes a struct or list as JSON for people: arrays become lists, and NaN and infinities are written as such.
stst_status stst_to_json(const stst_node *node, bool indent, stst_strings **json);

// Writes a struct or list as YAML.
stst_status stst_to_yaml(const stst_node *node, stst_strings **yaml);

// Assigns the value of a JSON document: objects become structs, arrays become lists.
stst_status stst_set_json(const stst_place *place, const char *json, size_t length);

// Takes a snapshot of a struct, which `stst_restore`, Rust and Python can read.
stst_status stst_to_bytes(const stst_node *node, stst_strings **bytes);

// Replaces the contents of a struct with those of a snapshot, in one operation.
stst_status stst_restore(const stst_node *node, const uint8_t *bytes, size_t length);

// Takes a lock on a struct or list: exclusive, which keeps all other threads and processes out, or shared with other readers. `timeout` is in seconds; a negative one
// waits without a limit.
stst_status stst_take_lock(const stst_node *node,
                           bool exclusive,
                           double timeout,
                           stst_lock **lock);

// Releases a lock. Any thread may do so. A null pointer is ignored.
stst_status stst_unlock(stst_lock *lock);

// Whether a process died while it held this lock, so that its changes may be incomplete.
stst_status stst_lock_recovered(const stst_lock *lock, bool *recovered);

// Begins a transaction, which takes the exclusive lock.
stst_status stst_begin(const stst_node *node, double timeout, stst_transaction **transaction);

// Commits the changes and frees the transaction. STST_IN_TRANSACTION on another thread than the one that began it: the transaction stays open.
stst_status stst_commit(stst_transaction *transaction);

// Undoes the changes and frees the transaction. A null pointer is ignored. STST_IN_TRANSACTION on another thread than the one that began it: the
// transaction stays open.
stst_status stst_rollback(stst_transaction *transaction);

// Another handle to the same struct or list.
stst_status stst_node_copy(const stst_node *node, stst_node **copy);

// Frees a handle. A null pointer is ignored.
stst_status stst_node_free(stst_node *node);

// Whether it is a list; otherwise it is a struct.
stst_status stst_node_is_list(const stst_node *node, bool *is_list);

// How many fields or items there are.
stst_status stst_size(const stst_node *node, size_t *size);

// Makes sure that a block of this many bytes is free in the store of a struct, which grows if necessary. Later allocations from it take no system call.
stst_status stst_reserve(const stst_node *node,
                         uint64_t bytes);

// The names of the fields of a struct, in order.
stst_status stst_names(const stst_node *node, stst_strings **names);

// Whether the items of a list have limits.
stst_status stst_has_limits(const stst_node *list, bool *limits);

// Removes all fields or items.
stst_status stst_clear(const stst_node *node);

// Whether two structs or two lists are equal, whatever store they are in.
stst_status stst_equal(const stst_node *one, const stst_node *other, bool *equal);

// Makes the contents of one struct or list those of another, in one operation.
stst_status stst_assign(const stst_node *node, const stst_node *from);

// Gets the kind of the value at a place, one of `stst_kind`.
stst_status stst_get_kind(const stst_place *place, uint32_t *kind);

// Reads a bool or a number. `kind`, from STST_BOOL to STST_F64, is the type of the variable that `value` points to. It is an error if that type cannot represent the
// number exactly.
stst_status stst_get(const stst_place *place,
                     uint32_t kind,
                     void *value);

// Assigns a bool or a number of the type `kind`, or null (STST_NULL; `value` is ignored).
stst_status stst_set(const stst_place *place, uint32_t kind, const void *value);

// Gets a field as plain memory: `*data` points to a variable of the type `kind`, from STST_BOOL to STST_F64. The field is declared with this type; it is created as 0 if it is
// missing, and converted if it holds another number. Its struct is pinned.
//
// The pointer is valid until the store is closed, even if another process removes the struct by force. Using it is no operation of the store: it takes no lock, tells no
// watcher (see stst_notify) and is not undone by transactions. Hold a lock around it if other programs rely on locks.
//
// STST_WRONG_TYPE if the field has limits or is declared with another type; STST_IN_TRANSACTION in a transaction of this thread.
stst_status stst_get_reference(const stst_place *place,
                               uint32_t kind,
                               void **data);

// Copies a string.
stst_status stst_get_str(const stst_place *place, stst_strings **string);

// Assigns a string.
stst_status stst_set_str(const stst_place *place, const char *data, size_t length);

// Copies bytes.
stst_status stst_get_bytes(const stst_place *place, stst_strings **bytes);

// Assigns bytes.
stst_status stst_set_bytes(const stst_place *place, const void *data, size_t length);

// Gets a handle to the struct or list at a place. `kind` is STST_STRUCT, STST_LIST, or 0 for either. With a kind, a missing field is created.
stst_status stst_get_node(const stst_place *place,
                          uint32_t kind,
                          stst_node **node);

// Assigns an empty struct or list.
stst_status stst_set_empty(const stst_place *place, uint32_t kind);

// Assigns a copy of the value at another place, which may be in another store.
stst_status stst_set_from(const stst_place *place, const stst_place *from);

// Assigns a copy of a struct or list, which may be in another store.
stst_status stst_set_node(const stst_place *place, const stst_node *node);

// Removes a field or an item.
stst_status stst_remove(const stst_place *place);

// Declares limits of a field, which apply to all processes, and its unit and description.
stst_status stst_declare(const stst_place *place, const stst_limits *limits);

// Removes the limits, unit and description of a field.
stst_status stst_undeclare(const stst_place *place);

// The message of the last error of this thread. The pointer is valid until the next call that fails on this thread.
const char *stst_error_message(size_t *length);

// The path of the field or item that the last error of this thread is about, or an empty string. Valid as long as the message.
const char *stst_error_path(size_t *length);

// Creates an empty store that is local to this process.
stst_status stst_local(stst_store **store);

// Opens a shared store by a name such as "/robot", or creates it. `options` may be null.
stst_status stst_open(const char *name, size_t length, const stst_options *options, stst_store **store);

// Gets the root struct of a store.
stst_status stst_root(const stst_store *store, stst_node **root);

// Whether the name of a shared store still refers to it: false after it was unlinked or re-initialised. A local store is always valid.
stst_status stst_valid(const stst_store *store,
                       bool *valid);

// Checks the memory of a store: STST_CORRUPT, with the first fault as the message, if it is damaged.
stst_status stst_check(const stst_store *store);

// Closes a store. A null pointer is ignored.
stst_status stst_close(stst_store *store);

// Removes the name of a shared store. Processes that have it open keep it.
stst_status stst_unlink(const char *name, size_t length);

// Assigns a stream without samples, which keeps the last `depth` of them. Each sample is an array of this type and shape; without dimensions, one element. `itemsize` is the size of an
// element in bytes; it counts for records only.
stst_status stst_set_stream(const stst_place *place,
                            const char *dtype,
                            size_t dtype_length,
                            size_t itemsize,
                            const size_t *shape,
                            size_t dimensions,
                            uint64_t depth);

// The stream at a place.
stst_status stst_get_stream(const stst_place *place, stst_stream **stream);

// How many bytes a sample has.
stst_status stst_sample_size(const stst_stream *stream, size_t *size);

// Publishes a sample. It never waits for readers. One process publishes to a stream at a time.
stst_status stst_publish(const stst_stream *stream, const void *data, size_t size);

// Copies the newest sample. `about` may be null.
stst_status stst_latest(const stst_stream *stream, void *data, size_t size, stst_sample *about);

// Copies the first kept sample whose number is at least `next`, and sets `next` to the number that follows it. Waits for one for at most `timeout`
// seconds; a negative timeout waits without a limit. `found` is false if none came, or if this process closed the store. Start with 0 to
// read everything that is kept.
stst_status stst_next(const stst_stream *stream,
                      uint64_t *next,
                      double timeout,
                      void *data,
                      size_t size,
                      stst_sample *about,
                      bool *found);

// Waits until one of `count` streams has a sample whose number is at least that in `next`, for at most `timeout` seconds; a negative timeout waits without a limit. `found` is
// false if none came, or if this process closed the store of one.
stst_status stst_wait_streams(const stst_stream *const *streams,
                              const uint64_t *next,
                              size_t count,
                              double timeout,
                              bool *found);

// Lends a frame of a stream to be filled: memory as large as a sample, at a multiple of 64, whose contents are arbitrary. It is valid until the loan is published or freed.
// STST_FRAMES_PINNED if readers hold all frames; STST_UNSUPPORTED for samples of up to 4 KiB, which have none.
stst_status stst_loan_frame(const stst_stream *stream,
                            stst_loan **loan,
                            void **data);

// Publishes the frame and frees the loan.
stst_status stst_loan_publish(stst_loan *loan);

// Returns the frame unpublished. A null pointer is ignored.
stst_status stst_loan_free(stst_loan *loan);

// Reads the newest sample in place. It does not change until the frame is freed; until then the publisher has one frame less. `about` may be null.
stst_status stst_latest_frame(const stst_stream *stream,
                              stst_frame **frame,
                              const void **data,
                              stst_sample *about);

// Frees a frame. A null pointer is ignored.
stst_status stst_frame_free(stst_frame *frame);

// Frees a stream's handle; the stream itself stays. A null pointer is ignored.
stst_status stst_stream_free(stst_stream *stream);

// How many there are.
stst_status stst_strings_count(const stst_strings *strings, size_t *count);

// One of them, which is there until they are freed.
stst_status stst_strings_get(const stst_strings *strings, size_t index, const char **data, size_t *length);

// Frees them. A null pointer is ignored.
stst_status stst_strings_free(stst_strings *strings);

// The hash of a name, as keys have it: rapidhash v3.
uint64_t stst_hash(const char *name, size_t length);

// Begins a watch.
stst_status stst_watch_begin(const stst_node *node, stst_watch **watch);

// Waits until something has changed, for at most `timeout` seconds; a negative timeout waits without a limit. Sets `paths` to the paths that have
// changed since the last call, or to null if nothing has.
stst_status stst_watch_wait(stst_watch *watch,
                            double timeout,
                            stst_strings **paths);

// A file descriptor that becomes readable when something changes, for poll, epoll or an event loop such as Qt's. `stst_watch_wait` with a timeout of 0
// returns the changes and resets it. The descriptor may also become readable when nothing has changed. The watch owns it; a thread serves it.
stst_status stst_watch_fd(stst_watch *watch,
                          int32_t *descriptor);

// Ends a watch. A null pointer is ignored.
stst_status stst_watch_end(stst_watch *watch);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STRUCTSTORE_H */
