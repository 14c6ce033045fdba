// Null, objects of other kinds, and objects that were freed, for every function: a status, and nothing else.
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <structstore.h>

static stst_place field(const stst_node* node, const char* name) {
    stst_place place = {node, name, strlen(name), 0, STST_KEY};
    return place;
}

#define REFUSED(call) assert((call) == STST_INVALID_ARGUMENT)

int main(void) {
    stst_store* store = NULL;
    stst_node* root = NULL;
    stst_node* node = NULL;
    stst_strings* strings = NULL;
    stst_lock* lock = NULL;
    stst_transaction* transaction = NULL;
    stst_view* view = NULL;
    stst_watch* watch = NULL;
    stst_stream* stream = NULL;
    stst_loan* loan = NULL;
    stst_frame* frame = NULL;
    const stst_stream* streams[2] = {NULL, NULL};
    void* memory = NULL;
    const void* shown = NULL;
    stst_place num, nowhere, both;
    stst_options options;
    stst_limits limits;
    stst_array array;
    size_t size = 7, length = 0;
    const char* data = NULL;
    uint32_t kind = 0;
    uint64_t next = 0;
    int32_t value = 5, descriptor = 0;
    bool yes = false;
    // As large as an object, and none.
    char other[256];
    memset(other, 1, sizeof other);

    REFUSED(stst_local(NULL));
    assert(stst_local(&store) == STST_OK);
    REFUSED(stst_root(NULL, &root));
    REFUSED(stst_root(store, NULL));
    REFUSED(stst_root((stst_store*)other, &root));
    REFUSED(stst_root((stst_store*)(other + 1), &root));
    assert(stst_root(store, &root) == STST_OK);
    // An object of another kind.
    REFUSED(stst_root((stst_store*)root, &node));
    REFUSED(stst_size((stst_node*)store, &size));
    assert(stst_error_message(&length) != NULL && length > 0 && strncmp(stst_error_message(NULL), "node: found ", 12) == 0);

    num = field(root, "num");
    nowhere = field(NULL, "num");
    both = num;
    REFUSED(stst_set(NULL, STST_I32, &value));
    REFUSED(stst_set(&nowhere, STST_I32, &value));
    REFUSED(stst_set(&num, STST_I32, NULL));
    REFUSED(stst_set(&num, 99, &value));
    both.step = 99;
    REFUSED(stst_set(&both, STST_I32, &value));
    both = num;
    both.text = NULL;
    REFUSED(stst_set(&both, STST_I32, &value));
    both = num;
    both.length = (size_t)-1;
    REFUSED(stst_set(&both, STST_I32, &value));
    both = num;
    both.step = STST_INDEX;
    assert(stst_set(&both, STST_I32, &value) == STST_WRONG_TYPE);
    assert(stst_set(&num, STST_I32, &value) == STST_OK);
    REFUSED(stst_get(&num, STST_I32, NULL));
    REFUSED(stst_get(&num, STST_STR, &value));
    REFUSED(stst_get_reference(NULL, STST_I32, &memory));
    REFUSED(stst_get_reference(&num, 99, &memory));
    REFUSED(stst_get_reference(&num, STST_I32, NULL));
    assert(stst_get_reference(&num, STST_STR, &memory) == STST_WRONG_TYPE && memory == NULL);
    assert(stst_get(&num, STST_I32, &value) == STST_OK && value == 5);
    REFUSED(stst_get_kind(&num, NULL));
    REFUSED(stst_get_kind(NULL, &kind));
    assert(stst_get_str(&num, &strings) == STST_WRONG_TYPE);
    REFUSED(stst_set_str(&num, NULL, 3));
    assert(stst_set_str(&num, NULL, 0) == STST_OK);
    REFUSED(stst_get_str(&num, NULL));
    REFUSED(stst_set_bytes(&num, NULL, 3));
    REFUSED(stst_get_bytes(NULL, &strings));
    REFUSED(stst_get_node(NULL, STST_STRUCT, &node));
    REFUSED(stst_get_node(&num, STST_I32, &node));
    assert(stst_get_node(&num, 0, &node) == STST_WRONG_TYPE);
    REFUSED(stst_set_empty(&num, STST_I32));
    REFUSED(stst_set_from(&num, NULL));
    REFUSED(stst_set_from(NULL, &num));
    REFUSED(stst_set_node(&num, NULL));
    REFUSED(stst_set_json(&num, NULL, 1));
    REFUSED(stst_remove(NULL));

    REFUSED(stst_node_copy(NULL, &node));
    REFUSED(stst_has_limits(NULL, &yes));
    assert(stst_has_limits(root, &yes) == STST_WRONG_TYPE);
    REFUSED(stst_node_is_list(NULL, &yes));
    REFUSED(stst_size(root, NULL));
    REFUSED(stst_reserve(NULL, 1));
    assert(stst_reserve(root, UINT64_MAX) == STST_OUT_OF_SPACE && stst_reserve(root, 100000) == STST_OK);
    REFUSED(stst_names(root, NULL));
    REFUSED(stst_clear(NULL));
    REFUSED(stst_equal(root, NULL, &yes));
    REFUSED(stst_assign(NULL, root));
    REFUSED(stst_to_json(NULL, false, &strings));
    REFUSED(stst_to_yaml(root, NULL));
    REFUSED(stst_to_bytes(NULL, &strings));
    REFUSED(stst_restore(root, NULL, 3));
    assert(stst_restore(root, (const uint8_t*)"none", 4) == STST_MISMATCH);

    assert(stst_names(root, &strings) == STST_OK);
    REFUSED(stst_strings_count(NULL, &size));
    REFUSED(stst_strings_count(strings, NULL));
    assert(stst_strings_get(strings, 1, &data, &length) == STST_INDEX_OUT_OF_RANGE);
    REFUSED(stst_strings_get(strings, 0, NULL, &length));
    assert(stst_strings_get(strings, 0, &data, &length) == STST_OK && length == 3 && memcmp(data, "num", 3) == 0);
    REFUSED(stst_strings_free((stst_strings*)root));
    assert(stst_strings_free(strings) == STST_OK && stst_strings_free(NULL) == STST_OK);

    REFUSED(stst_take_lock(NULL, true, -1, &lock));
    REFUSED(stst_take_lock(root, true, -1, NULL));
    assert(stst_take_lock(root, true, -1, &lock) == STST_OK);
    REFUSED(stst_lock_recovered(lock, NULL));
    REFUSED(stst_unlock((stst_lock*)root));
    assert(stst_unlock(lock) == STST_OK && stst_unlock(NULL) == STST_OK);
    REFUSED(stst_take_lock(root, false, NAN, &lock));

    REFUSED(stst_begin(NULL, -1, &transaction));
    REFUSED(stst_commit(NULL));
    assert(stst_rollback(NULL) == STST_OK);
    assert(stst_begin(root, -1, &transaction) == STST_OK);
    REFUSED(stst_commit((stst_transaction*)root));
    assert(stst_rollback(transaction) == STST_OK);

    memset(&array, 0, sizeof array);
    REFUSED(stst_set_array(&num, NULL, false));
    assert(stst_set_array(&num, &array, false) != STST_OK);
    array.dtype = "<f8";
    array.dtype_length = 3;
    array.dimensions = 1;
    REFUSED(stst_set_array(&num, &array, false));
    size = (size_t)-1;
    array.shape = &size;
    assert(stst_set_array(&num, &array, false) != STST_OK);
    size = 0;
    assert(stst_set_array(&num, &array, false) == STST_OK);
    REFUSED(stst_get_view(&num, NULL));
    assert(stst_get_view(&num, &view) == STST_OK);
    REFUSED(stst_view_array(view, NULL));
    REFUSED(stst_view_array((stst_view*)root, &array));
    REFUSED(stst_view_is_current(NULL, &yes));
    REFUSED(stst_notify(NULL));
    assert(stst_view_free(view) == STST_OK && stst_view_free(NULL) == STST_OK);

    REFUSED(stst_watch_begin(NULL, &watch));
    assert(stst_watch_begin(root, &watch) == STST_OK);
    REFUSED(stst_watch_wait(NULL, 0, &strings));
    REFUSED(stst_watch_wait(watch, 0, NULL));
    REFUSED(stst_watch_fd(watch, NULL));
    assert(stst_watch_fd(watch, &descriptor) == STST_OK && descriptor >= 0);
    assert(stst_watch_end(watch) == STST_OK && stst_watch_end(NULL) == STST_OK);

    assert(stst_set_stream(&num, "<i4", 3, 0, NULL, 0, 0) != STST_OK);
    REFUSED(stst_set_stream(&num, NULL, 3, 0, NULL, 0, 4));
    assert(stst_set_stream(&num, "<i4", 3, 0, NULL, 0, 4) == STST_OK);
    REFUSED(stst_get_stream(NULL, &stream));
    assert(stst_get_stream(&num, &stream) == STST_OK);
    REFUSED(stst_sample_size(stream, NULL));
    REFUSED(stst_publish(stream, &value, 3));
    REFUSED(stst_publish(stream, NULL, 4));
    assert(stst_publish(stream, &value, 4) == STST_OK);
    REFUSED(stst_latest(stream, NULL, 4, NULL));
    REFUSED(stst_latest(stream, &value, 8, NULL));
    REFUSED(stst_next(stream, NULL, 0, &value, 4, NULL, &yes));
    REFUSED(stst_next(stream, &next, 0, &value, 4, NULL, NULL));
    assert(next == 0);
    REFUSED(stst_next(stream, &next, NAN, &value, 4, NULL, &yes));
    REFUSED(stst_wait_streams(NULL, &next, 1, 0, &yes));
    REFUSED(stst_wait_streams(streams, &next, 1, 0, &yes));
    streams[0] = stream;
    REFUSED(stst_wait_streams(streams, NULL, 1, 0, &yes));
    REFUSED(stst_wait_streams(streams, &next, 1, 0, NULL));
    REFUSED(stst_wait_streams(streams, &next, 1, NAN, &yes));
    REFUSED(stst_wait_streams(streams, &next, (size_t)-1, 0, &yes));
    assert(stst_wait_streams(NULL, NULL, 0, 0, &yes) == STST_OK && !yes);
    assert(stst_wait_streams(streams, &next, 1, 0, &yes) == STST_OK && yes);
    REFUSED(stst_loan_frame(NULL, &loan, &memory));
    REFUSED(stst_loan_frame(stream, NULL, &memory));
    REFUSED(stst_loan_frame(stream, &loan, NULL));
    assert(stst_loan_frame(stream, &loan, &memory) != STST_OK && loan == NULL && memory == NULL);
    REFUSED(stst_loan_publish(NULL));
    REFUSED(stst_loan_publish((stst_loan*)root));
    assert(stst_loan_free(NULL) == STST_OK);
    REFUSED(stst_latest_frame(NULL, &frame, &shown, NULL));
    REFUSED(stst_latest_frame(stream, NULL, &shown, NULL));
    REFUSED(stst_latest_frame(stream, &frame, NULL, NULL));
    assert(stst_latest_frame(stream, &frame, &shown, NULL) == STST_OK && memcmp(shown, &value, 4) == 0);
    REFUSED(stst_frame_free((stst_frame*)root));
    assert(stst_frame_free(frame) == STST_OK && stst_frame_free(NULL) == STST_OK);
    assert(stst_stream_free(stream) == STST_OK && stst_stream_free(NULL) == STST_OK);

    memset(&options, 0, sizeof options);
    REFUSED(stst_open("/structstore_misuse", 19, &options, &store));
    options.struct_size = sizeof options;
    options.cleanup = 9;
    REFUSED(stst_open("/structstore_misuse", 19, &options, &store));
    REFUSED(stst_open(NULL, 3, NULL, &store));
    assert(stst_open("", 0, NULL, &store) == STST_INVALID_NAME);
    assert(stst_open("/a\0b", 4, NULL, &store) != STST_OK);
    REFUSED(stst_valid(NULL, &yes));
    REFUSED(stst_check(NULL));
    memset(&limits, 0, sizeof limits);
    REFUSED(stst_declare(&num, NULL));
    REFUSED(stst_declare(&num, &limits));
    REFUSED(stst_undeclare(NULL));

    assert(stst_node_free(root) == STST_OK && stst_node_free(NULL) == STST_OK);
    assert(stst_close(store) == STST_OK && stst_close(NULL) == STST_OK);

    // What was freed is refused, as long as nothing has its place.
    REFUSED(stst_close(store));
    REFUSED(stst_node_free(root));
    REFUSED(stst_strings_free(strings));
    REFUSED(stst_unlock(lock));
    REFUSED(stst_rollback(transaction));
    REFUSED(stst_view_free(view));
    REFUSED(stst_watch_end(watch));
    REFUSED(stst_stream_free(stream));
    REFUSED(stst_frame_free(frame));
    REFUSED(stst_root(store, &root));
    REFUSED(stst_valid(store, &yes));
    REFUSED(stst_check(store));
    REFUSED(stst_size(root, &size));
    REFUSED(stst_names(root, &strings));
    REFUSED(stst_clear(root));
    REFUSED(stst_node_copy(root, &node));
    REFUSED(stst_node_is_list(root, &yes));
    REFUSED(stst_has_limits(root, &yes));
    REFUSED(stst_equal(root, root, &yes));
    REFUSED(stst_assign(root, root));
    REFUSED(stst_to_json(root, false, &strings));
    REFUSED(stst_to_yaml(root, &strings));
    REFUSED(stst_to_bytes(root, &strings));
    REFUSED(stst_restore(root, (const uint8_t*)"none", 4));
    REFUSED(stst_take_lock(root, true, -1, &lock));
    REFUSED(stst_lock_recovered(lock, &yes));
    REFUSED(stst_begin(root, -1, &transaction));
    REFUSED(stst_commit(transaction));
    REFUSED(stst_watch_begin(root, &watch));
    REFUSED(stst_watch_wait(watch, 0, &strings));
    REFUSED(stst_watch_fd(watch, &descriptor));
    REFUSED(stst_view_array(view, &array));
    REFUSED(stst_view_is_current(view, &yes));
    REFUSED(stst_sample_size(stream, &size));
    REFUSED(stst_publish(stream, &value, 4));
    REFUSED(stst_latest(stream, &value, 4, NULL));
    REFUSED(stst_next(stream, &next, 0, &value, 4, NULL, &yes));
    REFUSED(stst_wait_streams(streams, &next, 1, 0, &yes));
    REFUSED(stst_loan_frame(stream, &loan, &memory));
    REFUSED(stst_latest_frame(stream, &frame, &shown, NULL));
    REFUSED(stst_strings_count(strings, &size));
    REFUSED(stst_strings_get(strings, 0, &data, &length));
    REFUSED(stst_set(&num, STST_I32, &value));
    REFUSED(stst_get(&num, STST_I32, &value));
    REFUSED(stst_get_reference(&num, STST_I32, &memory));
    REFUSED(stst_get_kind(&num, &kind));
    REFUSED(stst_get_node(&num, 0, &node));
    REFUSED(stst_get_view(&num, &view));
    REFUSED(stst_get_stream(&num, &stream));
    REFUSED(stst_remove(&num));
    puts("refused");
    return 0;
}
