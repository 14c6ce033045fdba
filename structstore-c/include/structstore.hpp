// StructStore for C++17: structured object storage, dynamically typed, shared between processes.
//
//     namespace stst = structstore;
//
//     stst::StructStore store;                          // local to this process; stst::StructStoreShared("/robot") is shared
//     store["num"] = 5;
//     int num = store["num"];
//     int& speed = store["speed"] = 0;                  // plain memory, as long as the store is open
//     stst::Ref<int> counter = store["counter"] = 0;    // looks like a variable; each use is an operation of the store
//     ++counter;
//     stst::List list = store["list"];                  // created on first use
//     list.push_back("foo");
//     std::cout << store << '\n';
//
// Each operation is atomic for other processes. To group several, use write_lock(), read_lock() or transaction().
// Errors are thrown as Error; with -fno-exceptions, they are printed and the program aborts.
#ifndef STRUCTSTORE_HPP
#define STRUCTSTORE_HPP

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "structstore.h"

namespace structstore {

using string = std::string;

/// What went wrong, and where.
class Error : public std::runtime_error {
public:
    Error(stst_status code, const std::string& message, std::string path)
        : std::runtime_error(message), code_(code), path_(std::move(path)) {}

    /// The kind of error.
    stst_status code() const noexcept { return code_; }
    /// The path of the field or item, if it is about one.
    const std::string& path() const noexcept { return path_; }

private:
    stst_status code_;
    std::string path_;
};

namespace detail {

[[noreturn]] inline void fail(stst_status code) {
    std::size_t length = 0;
    const char* data = stst_error_message(&length);
    std::string message(data == nullptr ? "" : data, data == nullptr ? 0 : length);
#if defined(__cpp_exceptions)
    data = stst_error_path(&length);
    throw Error(code, message, std::string(data == nullptr ? "" : data, data == nullptr ? 0 : length));
#else
    std::fprintf(stderr, "structstore: %s (%d)\n", message.c_str(), static_cast<int>(code));
    std::abort();
#endif
}

[[noreturn]] inline void refuse(stst_status code, const std::string& message) {
#if defined(__cpp_exceptions)
    throw Error(code, message, std::string());
#else
    std::fprintf(stderr, "structstore: %s (%d)\n", message.c_str(), static_cast<int>(code));
    std::abort();
#endif
}

inline void check(stst_status code) {
    if (code != STST_OK) fail(code);
}

template <typename T, stst_status (*Free)(T*)>
struct Deleter {
    void operator()(T* object) const noexcept { Free(object); }
};

template <typename T, stst_status (*Free)(T*)>
using Owned = std::unique_ptr<T, Deleter<T, Free>>;

using Node = Owned<stst_node, stst_node_free>;
using Strings = Owned<stst_strings, stst_strings_free>;

/// Calls a function that creates an object, and owns the result.
template <typename T, stst_status (*Free)(T*), typename Make>
Owned<T, Free> made(Make&& make) {
    T* object = nullptr;
    check(make(&object));
    return Owned<T, Free>(object);
}

inline std::string text(const stst_strings* strings, std::size_t index) {
    const char* data = nullptr;
    std::size_t length = 0;
    check(stst_strings_get(strings, index, &data, &length));
    return std::string(data, length);
}

template <typename Make>
std::string one(Make&& make) {
    return text(made<stst_strings, stst_strings_free>(std::forward<Make>(make)).get(), 0);
}

inline std::vector<std::string> all(const stst_strings* strings) {
    std::size_t count = 0;
    check(stst_strings_count(strings, &count));
    std::vector<std::string> found;
    found.reserve(count);
    for (std::size_t at = 0; at < count; ++at) found.push_back(text(strings, at));
    return found;
}

// The hash of names up to 112 bytes: rapidhash v3 with a seed of 0 (https://github.com/Nicoshev/rapidhash).
inline constexpr std::uint64_t secrets[] = {0x2d358dccaa6c78a5, 0x8bb84b93962eacc9, 0x4b33a62ed433d4a3};

__extension__ typedef unsigned __int128 wide;

constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const wide product = static_cast<wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t little(std::string_view name, std::size_t at, std::size_t count) {
    std::uint64_t word = 0;
    for (std::size_t byte = 0; byte < count; ++byte) {
        word |= static_cast<std::uint64_t>(static_cast<unsigned char>(name[at + byte])) << (8 * byte);
    }
    return word;
}

constexpr std::uint64_t hash(std::string_view name) {
    const std::size_t length = name.size();
    std::uint64_t seed = mix(secrets[2], secrets[1]), a = 0, b = 0;
    if (length <= 16) {
        if (length >= 4) {
            const std::size_t size = length >= 8 ? 8 : 4;
            seed ^= length;
            a = little(name, 0, size);
            b = little(name, length - size, size);
        } else if (length > 0) {
            a = little(name, 0, 1) << 45 | little(name, length - 1, 1);
            b = little(name, length >> 1, 1);
        }
    } else {
        // Pieces of 16 bytes but for the last, each with one of two secrets.
        constexpr int turn[] = {2, 2, 1, 1, 2, 1};
        for (std::size_t at = 0; at + 16 < length; at += 16) {
            seed = mix(little(name, at, 8) ^ secrets[turn[at / 16]], little(name, at + 8, 8) ^ seed);
        }
        a = little(name, length - 16, 8) ^ length;
        b = little(name, length - 8, 8);
    }
    const wide product = static_cast<wide>(a ^ secrets[1]) * (b ^ seed);
    const auto low = static_cast<std::uint64_t>(product), high = static_cast<std::uint64_t>(product >> 64);
    return mix(low ^ 0xaaaaaaaaaaaaaaaa, high ^ secrets[1] ^ length);
}

template <typename T>
constexpr std::uint32_t kind_of() {
    if constexpr (std::is_same_v<T, bool>) return STST_BOOL;
    else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? STST_F32 : STST_F64;
    else if constexpr (std::is_signed_v<T>) {
        return sizeof(T) == 1 ? STST_I8 : sizeof(T) == 2 ? STST_I16 : sizeof(T) == 4 ? STST_I32 : STST_I64;
    } else {
        return sizeof(T) == 1 ? STST_U8 : sizeof(T) == 2 ? STST_U16 : sizeof(T) == 4 ? STST_U32 : STST_U64;
    }
}

/// bool and numbers, but not character types.
template <typename T>
constexpr bool is_scalar = std::is_arithmetic_v<T> && !std::is_same_v<T, char> && !std::is_same_v<T, wchar_t> &&
    !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t> && !std::is_same_v<T, long double>;

template <typename T>
constexpr bool is_vector = false;
template <typename T>
constexpr bool is_vector<std::vector<T>> = is_scalar<T> && !std::is_same_v<T, bool>;

/// The NumPy type string of an element type.
template <typename T>
constexpr std::string_view dtype_of() {
    static_assert(is_scalar<T>, "elements are bool or numbers; of others, say the dtype");
    switch (kind_of<T>()) {
        case STST_BOOL: return "|b1";
        case STST_I8: return "|i1";
        case STST_I16: return "<i2";
        case STST_I32: return "<i4";
        case STST_I64: return "<i8";
        case STST_U8: return "|u1";
        case STST_U16: return "<u2";
        case STST_U32: return "<u4";
        case STST_U64: return "<u8";
        case STST_F32: return "<f4";
        default: return "<f8";
    }
}

}  // namespace detail

/// A name with its hash, which is computed at compile time for constants, and for literals that the compiler folds.
class Key {
public:
    constexpr Key(std::string_view name) : name_(name), hash_(name.size() > 112 ? 0 : detail::hash(name)) {}
    constexpr Key(const char* name) : Key(std::string_view(name)) {}
    Key(std::nullptr_t) = delete;
    Key(const std::string& name) : name_(name), hash_(0) {}
    /// A temporary name: whatever keeps the key copies it.
    Key(std::string&& name) : name_(name), hash_(0), temporary_(true) {}

    constexpr std::string_view name() const { return name_; }
    /// 0 means that the library computes it.
    constexpr std::uint64_t hash() const { return hash_; }
    constexpr bool is_temporary() const { return temporary_; }

private:
    std::string_view name_;
    std::uint64_t hash_;
    bool temporary_ = false;
};

/// A key whose hash is computed at compile time, if it is a constant.
constexpr Key H(std::string_view name) { return Key(name); }

inline namespace literals {
/// A key: "num"_key.
constexpr Key operator""_key(const char* name, std::size_t length) { return Key(std::string_view(name, length)); }
}  // namespace literals

class Struct;
class List;
class StructStore;
template <typename T> class Ref;
template <typename T> class View;
template <typename T> class Stream;
template <typename T> class Frames;

/// A lock on a struct or list and everything below it, held by the thread that took it until the object is destroyed.
class [[nodiscard]] Lock {
public:
    Lock(const stst_node* node, bool exclusive, double timeout)
        : lock_(detail::made<stst_lock, stst_unlock>(
              [&](stst_lock** lock) { return stst_take_lock(node, exclusive, timeout, lock); })) {}

    /// Whether a process died while it held this lock, so that its changes may be incomplete.
    bool recovered() const {
        bool recovered = false;
        detail::check(stst_lock_recovered(lock_.get(), &recovered));
        return recovered;
    }
    /// Releases the lock.
    void unlock() { lock_.reset(); }

private:
    detail::Owned<stst_lock, stst_unlock> lock_;
};

/// Changes of this thread that take effect together at commit(). Without commit(), the destructor undoes them.
class [[nodiscard]] Transaction {
public:
    Transaction(const stst_node* node, double timeout)
        : transaction_(detail::made<stst_transaction, stst_rollback>(
              [&](stst_transaction** begun) { return stst_begin(node, timeout, begun); })) {}

    void commit() {
        const stst_status done = stst_commit(transaction_.get());
        // On another thread than that which began it, it goes on.
        if (done != STST_IN_TRANSACTION) static_cast<void>(transaction_.release());
        detail::check(done);
    }
    void rollback() { transaction_.reset(); }

private:
    detail::Owned<stst_transaction, stst_rollback> transaction_;
};

/// Reports changes to a struct or list and everything below it. One thread at a time may use it.
class Watch {
public:
    explicit Watch(const stst_node* node)
        : watch_(detail::made<stst_watch, stst_watch_end>(
              [&](stst_watch** watch) { return stst_watch_begin(node, watch); })) {}

    /// The paths that have changed since the last call. Waits for a change for at most `timeout` seconds; a negative timeout waits without a limit.
    std::vector<std::string> wait(double timeout = -1) {
        stst_strings* paths = nullptr;
        detail::check(stst_watch_wait(watch_.get(), timeout, &paths));
        const detail::Strings owned(paths);
        return paths == nullptr ? std::vector<std::string>() : detail::all(paths);
    }
    /// The paths that have changed since the last call, without waiting.
    std::vector<std::string> changes() { return wait(0); }
    /// A descriptor for poll and event loops. It is readable from a change until the next call of wait() or changes().
    int fd() {
        std::int32_t descriptor = -1;
        detail::check(stst_watch_fd(watch_.get(), &descriptor));
        return descriptor;
    }

private:
    detail::Owned<stst_watch, stst_watch_end> watch_;
};

namespace detail {

/// A loop whose variable is a reference to an item: it holds the list exclusively, and a copy of the item, which is written back when the loop continues or ends.
class Loop {
public:
    Loop() = default;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    /// After a break, or an error in the loop. A removed item has no value.
    ~Loop() {
        if (changed()) static_cast<void>(stst_set(&item_, kind_, copy_));
    }

    template <typename T>
    T& lend(const stst_place& item) {
        if (!lock_) lock(item.node);
        write_back();
        check(stst_get(&item, kind_of<T>(), before_));
        T* const copy = ::new (copy_) T;
        std::memcpy(copy, before_, sizeof(T));
        item_ = item;
        kind_ = kind_of<T>();
        size_ = sizeof(T);
        return *copy;
    }
    void write_back() {
        const bool is_changed = changed();
        size_ = 0;
        if (is_changed) check(stst_set(&item_, kind_, before_));
        if (lock_) check(stst_size(list_, &size_of_list_));
    }
    /// How many items there are, once the list is held.
    std::size_t size_of_list() const { return size_of_list_; }

private:
    void lock(const stst_node* list) {
        lock_.emplace(list, true, -1);
        list_ = list;
        check(stst_size(list, &size_of_list_));
        bool limits = false;
        check(stst_has_limits(list, &limits));
        if (limits) refuse(STST_WRONG_TYPE, "the items have limits, so that there is no plain reference to them; use Ref");
    }
    /// Writes back the value that the loop's body assigned.
    bool changed() {
        const bool is_changed = std::memcmp(before_, copy_, size_) != 0;
        std::memcpy(before_, copy_, size_);
        return is_changed;
    }

    std::optional<Lock> lock_;
    const stst_node* list_ = nullptr;
    std::size_t size_of_list_ = static_cast<std::size_t>(-1);
    stst_place item_{};
    std::uint32_t kind_ = 0;
    std::size_t size_ = 0;
    alignas(8) unsigned char before_[8] = {};
    alignas(8) unsigned char copy_[8] = {};
};

}  // namespace detail

/// The limits, unit and description of a field. They apply to every process, in any language.
struct Limits {
    std::optional<std::pair<double, double>> range = std::nullopt;
    double step = 0;
    bool finite = false;
    bool read_only = false;
    std::string unit = {};
    std::string description = {};
};

/// A field, an item, or a place for one. It refers to a struct or list that must outlive it; a Ref keeps it alive.
class Field {
public:
    Field(const stst_node* node, Key key)
        : place_{node, key.name().data(), key.name().size(), key.hash(), STST_KEY} {
        if (key.is_temporary()) keep(key.name());
    }
    Field(const stst_node* node, std::size_t index) : place_{node, nullptr, 0, index, STST_INDEX} {}
    Field(const stst_node* node, std::size_t index, std::shared_ptr<detail::Loop> loop) : Field(node, index) { loop_ = std::move(loop); }
    Field(const stst_node* node, stst_step step, std::string_view path, std::uint64_t number)
        : place_{node, path.data(), path.size(), number, step} {}
    Field(detail::Node owner, Key key) : Field(owner.get(), key) { owner_ = std::move(owner); }
    Field(detail::Node owner, std::size_t index) : Field(owner.get(), index) { owner_ = std::move(owner); }
    /// With a temporary path, which is copied.
    Field(const stst_node* node, std::string&& path) : Field(node, STST_PATH, path, 0) { keep(path); }

    Field(Field&& other) noexcept
        : owner_(std::move(other.owner_)), name_(std::move(other.name_)), place_(other.place_), loop_(std::move(other.loop_)) {
        if (!name_.empty()) place_.text = name_.data();
    }
    Field(const Field&) = delete;

    // Assigning assigns what is in the store.
    Field&& operator=(const Field& other) {
        detail::check(stst_set_from(&place_, &other.place_));
        return std::move(*this);
    }
    template <typename T, std::enable_if_t<detail::is_scalar<T>, int> = 0>
    Field&& operator=(T value) {
        detail::check(stst_set(&place_, detail::kind_of<T>(), &value));
        return std::move(*this);
    }
    Field&& operator=(std::nullptr_t) {
        detail::check(stst_set(&place_, STST_NULL, nullptr));
        return std::move(*this);
    }
    Field&& operator=(std::string_view text) {
        detail::check(stst_set_str(&place_, text.data(), text.size()));
        return std::move(*this);
    }
    Field&& operator=(const char* text) { return *this = std::string_view(text); }
    Field&& operator=(const std::string& text) { return *this = std::string_view(text); }
    template <typename T, std::enable_if_t<detail::is_scalar<T> && !std::is_same_v<T, bool>, int> = 0>
    Field&& operator=(const std::vector<T>& values) {
        set_array(values.data(), {values.size()});
        return std::move(*this);
    }
    template <typename T>
    Field&& operator=(const Ref<T>& value) {
        return *this = value.get();
    }
    /// Ambiguous: use std::string or std::vector.
    template <typename T>
    Field&& operator=(std::initializer_list<T>) = delete;
    inline Field&& operator=(const Struct& value);
    inline Field&& operator=(const List& value);

    /// The value as a `T`. A number is converted only without loss.
    template <typename T>
    T get() const {
        if constexpr (detail::is_scalar<T>) {
            T value{};
            detail::check(stst_get(&place_, detail::kind_of<T>(), &value));
            return value;
        } else if constexpr (detail::is_vector<T>) {
            const View<const typename T::value_type> view(place_);
            return T(view.begin(), view.end());
        } else {
            static_assert(std::is_same_v<T, std::string> || std::is_same_v<T, Struct> || std::is_same_v<T, List>,
                          "expected bool, a number, std::string, Struct, List, or std::vector of numbers");
            return static_cast<T>(*this);
        }
    }
    std::string get_str() const {
        return detail::one([&](stst_strings** text) { return stst_get_str(&place_, text); });
    }
    /// The value as a `T`, or nothing if the field or item does not exist.
    template <typename T>
    std::optional<T> try_get() const {
        const auto is_missing = [](stst_status got) { return got == STST_NOT_FOUND || got == STST_INDEX_OUT_OF_RANGE; };
        if constexpr (detail::is_scalar<T>) {
            T value{};
            const stst_status got = stst_get(&place_, detail::kind_of<T>(), &value);
            if (is_missing(got)) return std::nullopt;
            detail::check(got);
            return value;
        } else {
            std::uint32_t kind = 0;
            const stst_status got = stst_get_kind(&place_, &kind);
            if (is_missing(got)) return std::nullopt;
            detail::check(got);
            return get<T>();
        }
    }
    template <typename T, std::enable_if_t<detail::is_scalar<T>, int> = 0>
    operator T() {
        return get<T>();
    }
    template <typename T, std::enable_if_t<detail::is_scalar<T>, int> = 0>
    operator T() const {
        return get<T>();
    }
    /// The field as plain memory: `int& speed = store["speed"] = 0`. Declares its type, and pins its struct. The reference is valid until the store is closed, even if the struct
    /// is removed. Using it takes no lock, tells no watcher and is not undone: hold a lock around it if others rely on locks, or use Ref.
    ///
    /// In `for (int& item : list)` a copy of the item, which is written back when the loop continues; the loop holds the list exclusively.
    ///
    /// `condition ? store["x"] : number` is such a reference if `number` is an int that can be assigned; use store["x"].get<int>() to read.
    // Among conversions that fit, the compiler prefers those above, which do not add const to this object.
    template <typename T, std::enable_if_t<detail::is_scalar<T> && !std::is_const_v<T>, int> = 0>
    operator T&() const&& {
        if (loop_ != nullptr) return loop_->template lend<T>(place_);
        void* data = nullptr;
        detail::check(stst_get_reference(&place_, detail::kind_of<T>(), &data));
        return *static_cast<T*>(data);
    }
    operator std::string() const { return get_str(); }
    /// A handle to the struct or list. A missing field is created.
    inline operator Struct() const;
    inline operator List() const;

    /// Whether the field holds a number equal to `value`.
    template <typename T, std::enable_if_t<detail::is_scalar<T>, int> = 0>
    friend bool operator==(const Field& field, T value) {
        T found{};
        const stst_status got = stst_get(&field.place_, detail::kind_of<T>(), &found);
        if (got == STST_WRONG_TYPE || got == STST_OUT_OF_RANGE) return false;
        detail::check(got);
        return found == value;
    }
    friend bool operator==(const Field& field, std::string_view text) { return field.get_str() == text; }
    friend bool operator==(const Field& field, const char* text) { return field.get_str() == text; }
    template <typename T>
    friend auto operator!=(const Field& field, const T& value) -> decltype(!(field == value)) {
        return !(field == value);
    }

    /// A field of this struct; a missing one is created.
    Field operator[](Key key) const { return Field(node(STST_STRUCT), key); }
    Field operator[](const char* name) const { return (*this)[Key(name)]; }
    /// An item of this list.
    template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
    Field operator[](T index) const {
        return Field(node(STST_LIST), static_cast<std::size_t>(index));
    }

    /// The kind of the value.
    stst_kind kind() const {
        std::uint32_t kind = 0;
        detail::check(stst_get_kind(&place_, &kind));
        return static_cast<stst_kind>(kind);
    }
    bool is_null() const { return kind() == STST_NULL; }
    void remove() const { detail::check(stst_remove(&place_)); }

    std::vector<std::uint8_t> get_bytes() const {
        const std::string bytes = detail::one([&](stst_strings** text) { return stst_get_bytes(&place_, text); });
        return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
    }
    const Field& set_bytes(const void* data, std::size_t size) const {
        detail::check(stst_set_bytes(&place_, data, size));
        return *this;
    }
    /// Assigns the value of a JSON document.
    const Field& set_json(std::string_view json) const {
        detail::check(stst_set_json(&place_, json.data(), json.size()));
        return *this;
    }

    /// Assigns an array of this shape, in C order. Assigning to a live array changes its elements in place, which existing views show.
    template <typename T>
    const Field& set_array(const T* data, const std::vector<std::size_t>& shape, bool live = false) const {
        static_assert(detail::is_scalar<T>, "elements are bool or numbers");
        constexpr std::string_view dtype = detail::dtype_of<T>();
        std::size_t size = sizeof(T);
        for (const std::size_t length : shape) size *= length;
        const stst_array array{
            dtype.data(), dtype.size(), shape.data(), shape.size(), const_cast<T*>(data), size, false};
        detail::check(stst_set_array(&place_, &array, live));
        return *this;
    }
    /// A view of the array's elements in the store.
    template <typename T>
    View<T> view() const {
        return View<T>(place_);
    }
    /// Tells watchers that elements were changed through a view.
    void notify() const { detail::check(stst_notify(&place_)); }

    /// A handle to the stream.
    template <typename T>
    Stream<T> stream() const {
        return Stream<T>(place_);
    }
    /// Assigns a new stream of numbers that keeps the last `depth` samples.
    template <typename T>
    Stream<T> create_stream(std::uint64_t depth) const {
        return create_stream<T>(depth, detail::dtype_of<T>());
    }
    /// The same for samples of any type; `dtype` is its NumPy type, such as "[('t', '<f8'), ('acc', '<f4', (3,))]".
    template <typename T>
    Stream<T> create_stream(std::uint64_t depth, std::string_view dtype) const {
        detail::check(stst_set_stream(&place_, dtype.data(), dtype.size(), sizeof(T), nullptr, 0, depth));
        return Stream<T>(place_);
    }

    /// A handle to a stream of arrays, such as images.
    template <typename T>
    Frames<T> frames() const {
        return Frames<T>(place_);
    }
    /// Assigns a new stream of arrays of this shape that keeps the last `depth` of them.
    template <typename T>
    Frames<T> create_frames(std::uint64_t depth, const std::vector<std::size_t>& shape) const {
        constexpr std::string_view dtype = detail::dtype_of<T>();
        detail::check(stst_set_stream(&place_, dtype.data(), dtype.size(), 0, shape.data(), shape.size(), depth));
        return Frames<T>(place_);
    }

    void declare(const Limits& limits) const {
        stst_limits given{};
        given.struct_size = sizeof given;
        if (limits.range) {
            given.has_range = true;
            given.least = limits.range->first;
            given.greatest = limits.range->second;
        }
        given.step = limits.step;
        given.finite = limits.finite;
        given.read_only = limits.read_only;
        given.unit = limits.unit.data();
        given.unit_length = limits.unit.size();
        given.description = limits.description.data();
        given.description_length = limits.description.size();
        detail::check(stst_declare(&place_, &given));
    }
    void undeclare() const { detail::check(stst_undeclare(&place_)); }

    const stst_place& place() const { return place_; }

    detail::Node node(std::uint32_t kind) const {
        return detail::made<stst_node, stst_node_free>(
            [&](stst_node** node) { return stst_get_node(&place_, kind, node); });
    }

private:
    void keep(std::string_view name) {
        name_ = name;
        if (!name_.empty()) place_.text = name_.data();
    }

    detail::Node owner_;
    /// A copy of the name, if it was a temporary.
    std::string name_;
    stst_place place_;
    /// The loop of which this is an item, if it is in one.
    std::shared_ptr<detail::Loop> loop_;
};

namespace detail {

/// The common part of structs and lists.
class Container {
public:
    /// How many fields or items there are.
    std::size_t size() const {
        std::size_t size = 0;
        check(stst_size(get(), &size));
        return size;
    }
    bool empty() const { return size() == 0; }
    void clear() const { check(stst_clear(get())); }

    /// An exclusive lock: no other thread or process can read or change the contents. `timeout` is in seconds; a negative one waits without a limit.
    Lock write_lock(double timeout = -1) const { return Lock(get(), true, timeout); }
    /// A lock that is shared with other readers.
    Lock read_lock(double timeout = -1) const { return Lock(get(), false, timeout); }
    Watch watch() const { return Watch(get()); }

    /// The contents as JSON, for people.
    std::string to_json(bool indent = false) const {
        return one([&](stst_strings** text) { return stst_to_json(get(), indent, text); });
    }
    std::string to_yaml() const {
        return one([&](stst_strings** text) { return stst_to_yaml(get(), text); });
    }

    const stst_node* get() const { return node_.get(); }

protected:
    explicit Container(Node node) : node_(std::move(node)) {}
    Container(const Container& other) : node_(copy(other.get())) {}
    Container(Container&&) = default;
    ~Container() = default;
    Container& operator=(const Container&) = delete;

    static Node copy(const stst_node* node) {
        return made<stst_node, stst_node_free>([&](stst_node** other) { return stst_node_copy(node, other); });
    }
    void assign(const Container& other) const { check(stst_assign(get(), other.get())); }
    bool equals(const Container& other) const {
        bool equal = false;
        check(stst_equal(get(), other.get(), &equal));
        return equal;
    }

private:
    Node node_;
};

}  // namespace detail

/// Values in order: a handle to a list in a store. Copies are handles to the same list.
class List : public detail::Container {
public:
    explicit List(detail::Node node) : Container(std::move(node)) {}
    List(const List&) = default;
    List(List&&) = default;
    /// Handles are not rebound; assign() copies contents.
    List& operator=(const List&) = delete;
    /// Replaces the items with copies of those of another list.
    void assign(const List& other) const { Container::assign(other); }

    Field operator[](std::size_t index) const { return Field(get(), index); }
    template <typename T>
    void push_back(const T& value) const {
        Field(get(), STST_END, {}, 0) = value;
    }
    template <typename T>
    void insert(std::size_t index, const T& value) const {
        Field(get(), STST_BEFORE, {}, index) = value;
    }
    void erase(std::size_t index) const { (*this)[index].remove(); }
    void pop_back() const {
        const Lock lock = write_lock();
        (*this)[size() - 1].remove();
    }

    /// Iterates over as many items as there are at the start: `for (int& item : list) ++item;`, which holds the list exclusively from the first item on, or `for (stst::Ref<int> item : list) ++item;`,
    /// where each step is a separate operation.
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Field;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Field;

        iterator(const stst_node* node, std::size_t index) : node_(node), index_(index) {}
        Field operator*() const { return Field(node_, index_, loop_); }
        iterator& operator++() {
            loop_->write_back();
            ++index_;
            return *this;
        }
        iterator operator++(int) {
            const iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const iterator& other) const { return index_ == other.index_; }
        /// The loop ends at an item that its body removed, or that others removed before the loop had its lock.
        bool operator!=(const iterator& other) const { return index_ < other.index_ && index_ < loop_->size_of_list(); }

    private:
        const stst_node* node_;
        std::size_t index_;
        std::shared_ptr<detail::Loop> loop_ = std::make_shared<detail::Loop>();
    };
    iterator begin() const { return iterator(get(), 0); }
    iterator end() const { return iterator(get(), size()); }

    bool operator==(const List& other) const { return equals(other); }
    bool operator!=(const List& other) const { return !equals(other); }
};

/// Named values: a handle to a struct in a store. Copies are handles to the same struct.
class Struct : public detail::Container {
public:
    explicit Struct(detail::Node node) : Container(std::move(node)) {}
    Struct(const Struct&) = default;
    Struct(Struct&&) = default;
    /// Handles are not rebound; assign() copies contents.
    Struct& operator=(const Struct&) = delete;
    /// Replaces the fields with copies of those of another struct.
    void assign(const Struct& other) const { Container::assign(other); }

    Field operator[](Key key) const& { return Field(get(), key); }
    Field operator[](const char* name) const& { return (*this)[Key(name)]; }
    /// The field of a temporary handle, which the field keeps alive.
    Field operator[](Key key) && { return Field(copy(get()), key); }
    Field operator[](const char* name) && { return Field(copy(get()), Key(name)); }
    /// The field, item or element at a path: `at("arm.gains[2]")`. Everything on the way must exist.
    Field at(std::string_view path) const { return Field(get(), STST_PATH, path, 0); }
    Field at(const char* path) const { return at(std::string_view(path)); }
    Field at(std::string&& path) const { return Field(get(), std::move(path)); }
    template <typename T>
    T get(Key key) const {
        return (*this)[key].get<T>();
    }
    using Container::get;
    template <typename T>
    void set(Key key, const T& value) const {
        (*this)[key] = value;
    }
    /// The struct in a field; a missing one is created.
    Struct substore(Key key) const { return (*this)[key]; }
    bool contains(Key key) const {
        std::uint32_t kind = 0;
        const stst_status found = stst_get_kind(&(*this)[key].place(), &kind);
        if (found == STST_NOT_FOUND) return false;
        detail::check(found);
        return true;
    }
    void remove(Key key) const { (*this)[key].remove(); }
    std::vector<std::string> names() const {
        return detail::all(detail::made<stst_strings, stst_strings_free>([&](stst_strings** names) {
                               return stst_names(get(), names);
                           }).get());
    }

    /// Makes sure that a block of this many bytes is free in the store. Later allocations from it take no system call.
    void reserve(std::uint64_t bytes) const { detail::check(stst_reserve(get(), bytes)); }

    /// Begins a transaction of this thread, which takes the exclusive lock.
    Transaction transaction(double timeout = -1) const { return Transaction(get(), timeout); }

    /// A snapshot that restore(), Rust and Python can read.
    std::string to_bytes() const {
        return detail::one([&](stst_strings** bytes) { return stst_to_bytes(get(), bytes); });
    }
    void restore(std::string_view bytes) const {
        detail::check(stst_restore(get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
    }

    bool operator==(const Struct& other) const { return equals(other); }
    bool operator!=(const Struct& other) const { return !equals(other); }
};

inline Field&& Field::operator=(const Struct& value) {
    detail::check(stst_set_node(&place_, value.get()));
    return std::move(*this);
}

inline Field&& Field::operator=(const List& value) {
    detail::check(stst_set_node(&place_, value.get()));
    return std::move(*this);
}

inline Field::operator Struct() const { return Struct(node(STST_STRUCT)); }
inline Field::operator List() const { return List(node(STST_LIST)); }

/// A field or item that behaves like a variable of type `T`: each use is one operation of the store. It may be kept; once its struct is removed, using it is an error.
template <typename T>
class Ref {
public:
    Ref(const Field& field) : place_(field.place()), name_(place_.text == nullptr ? "" : place_.text, place_.length) {
        node_ = detail::made<stst_node, stst_node_free>(
            [&](stst_node** node) { return stst_node_copy(place_.node, node); });
    }
    Ref(const Ref& other) : Ref(other.field()) {}

    Ref& operator=(const T& value) {
        field() = value;
        return *this;
    }
    Ref& operator=(const Ref& other) { return *this = other.get(); }
    Ref& operator=(const Field& other) { return *this = other.get<T>(); }

    T get() const { return field().template get<T>(); }
    operator T() const { return get(); }

    template <typename V> Ref& operator+=(const V& by) { return change([&](T& value) { value += by; }); }
    template <typename V> Ref& operator-=(const V& by) { return change([&](T& value) { value -= by; }); }
    template <typename V> Ref& operator*=(const V& by) { return change([&](T& value) { value *= by; }); }
    template <typename V> Ref& operator/=(const V& by) { return change([&](T& value) { value /= by; }); }
    Ref& operator++() { return change([](T& value) { ++value; }); }
    Ref& operator--() { return change([](T& value) { --value; }); }

    T operator++(int) {
        T before{};
        change([&](T& value) { before = value++; });
        return before;
    }
    T operator--(int) {
        T before{};
        change([&](T& value) { before = value--; });
        return before;
    }
    friend bool operator==(const Ref& ref, const char* text) { return std::string_view(ref.get()) == text; }
    friend bool operator!=(const Ref& ref, const char* text) { return std::string_view(ref.get()) != text; }

    /// Changes it with a function of `T&`, under the lock of its struct.
    template <typename Change>
    Ref& change(Change&& change) {
        const Lock lock(node_.get(), true, -1);
        T value = get();
        change(value);
        return *this = value;
    }

private:
    Field field() const {
        return Field(node_.get(), static_cast<stst_step>(place_.step), name_, place_.number);
    }

    stst_place place_;
    std::string name_;
    detail::Node node_;
};

/// The elements of an array in the store. Their memory stays valid while the view lives, even if the array is replaced or removed. Use `View<const T>` for elements
/// that must not be written: those of fields with limits, of stores that were opened read-only, or under the thread's own read lock.
template <typename T>
class View {
    using Element = std::remove_const_t<T>;

public:
    explicit View(const stst_place& place)
        : view_(detail::made<stst_view, stst_view_free>(
              [&](stst_view** view) { return stst_get_view(&place, view); })) {
        detail::check(stst_view_array(view_.get(), &array_));
        const std::string_view found(array_.dtype, array_.dtype_length);
        if (found != detail::dtype_of<Element>()) {
            const std::string wanted(detail::dtype_of<Element>());
            detail::refuse(STST_WRONG_TYPE, "found an array of " + std::string(found) + ", expected one of " + wanted);
        }
        if (!std::is_const_v<T> && !array_.writable) {
            detail::refuse(STST_READ_ONLY, "the elements may not be written to; view<const T>() reads them");
        }
    }

    T* data() const { return static_cast<T*>(array_.data); }
    std::size_t size() const { return array_.size / sizeof(T); }
    std::vector<std::size_t> shape() const {
        return std::vector<std::size_t>(array_.shape, array_.shape + array_.dimensions);
    }
    T& operator[](std::size_t index) const { return data()[index]; }
    /// An element of a two-dimensional array.
    T& operator()(std::size_t row, std::size_t column) const {
        if (array_.dimensions != 2) detail::refuse(STST_INVALID_ARGUMENT, "the array has not two dimensions");
        return data()[row * array_.shape[1] + column];
    }
    T* begin() const { return data(); }
    T* end() const { return data() + size(); }
    /// Whether it may be written to.
    bool writable() const { return array_.writable; }
    /// Whether the array still has this memory: false after it was replaced or removed.
    bool current() const {
        bool current = false;
        detail::check(stst_view_is_current(view_.get(), &current));
        return current;
    }

private:
    detail::Owned<stst_view, stst_view_free> view_;
    stst_array array_{};
};

/// The most recent samples of one type. Publishing never waits for readers.
template <typename T>
class Stream {
    static_assert(std::is_trivially_copyable_v<T>, "samples are plain memory");

public:
    struct Sample {
        T value;
        std::uint64_t number;
        /// In nanoseconds of CLOCK_MONOTONIC.
        std::uint64_t time;
        /// How many samples before this one were lost.
        std::uint64_t missed;
    };

    explicit Stream(const stst_place& place)
        : stream_(detail::made<stst_stream, stst_stream_free>(
              [&](stst_stream** stream) { return stst_get_stream(&place, stream); })) {}

    void publish(const T& value) const { detail::check(stst_publish(stream_.get(), &value, sizeof value)); }

    /// The newest sample.
    Sample latest() const {
        T value;
        stst_sample about{};
        detail::check(stst_latest(stream_.get(), &value, sizeof value, &about));
        return Sample{value, about.number, about.time, about.missed};
    }
    /// The next sample, beginning with the oldest that the stream keeps. Waits for at most `timeout` seconds; a negative timeout waits without a limit.
    std::optional<Sample> next(double timeout = -1) {
        T value;
        stst_sample about{};
        bool found = false;
        detail::check(stst_next(stream_.get(), &next_, timeout, &value, sizeof value, &about, &found));
        if (!found) return std::nullopt;
        return Sample{value, about.number, about.time, about.missed};
    }

    const stst_stream* get() const { return stream_.get(); }
    /// The number of the sample that next() waits for.
    std::uint64_t position() const { return next_; }

private:
    detail::Owned<stst_stream, stst_stream_free> stream_;
    std::uint64_t next_ = 0;
};

/// Waits until one of several streams has a sample that next() returns, for at most `timeout` seconds; a negative timeout waits without a limit. Whether there is one.
template <typename... T>
bool wait_any(double timeout, const T&... streams) {
    const stst_stream* const handles[] = {streams.get()...};
    const std::uint64_t next[] = {streams.position()...};
    bool found = false;
    detail::check(stst_wait_streams(handles, next, sizeof...(T), timeout, &found));
    return found;
}

/// A frame that this process fills in place. Without publish(), the destructor returns it.
template <typename T>
class [[nodiscard]] Loan {
public:
    Loan(const stst_stream* stream, std::size_t size) : size_(size) {
        void* data = nullptr;
        loan_ = detail::made<stst_loan, stst_loan_free>(
            [&](stst_loan** loan) { return stst_loan_frame(stream, loan, &data); });
        data_ = static_cast<T*>(data);
    }

    T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T& operator[](std::size_t index) const { return data_[index]; }
    T* begin() const { return data_; }
    T* end() const { return data_ + size_; }
    /// Publishes the frame, which must not be used afterwards.
    void publish() { detail::check(stst_loan_publish(loan_.release())); }

private:
    std::size_t size_;
    detail::Owned<stst_loan, stst_loan_free> loan_;
    T* data_ = nullptr;
};

/// A published frame, in place. It does not change while this lives; until then the publisher has one frame less.
template <typename T>
class Frame {
public:
    Frame(const stst_stream* stream, std::size_t size) : size_(size) {
        const void* data = nullptr;
        frame_ = detail::made<stst_frame, stst_frame_free>(
            [&](stst_frame** frame) { return stst_latest_frame(stream, frame, &data, &about_); });
        data_ = static_cast<const T*>(data);
    }

    const T* data() const { return data_; }
    std::size_t size() const { return size_; }
    const T& operator[](std::size_t index) const { return data_[index]; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    std::uint64_t number() const { return about_.number; }
    /// In nanoseconds of CLOCK_MONOTONIC.
    std::uint64_t time() const { return about_.time; }

private:
    std::size_t size_;
    stst_sample about_{};
    detail::Owned<stst_frame, stst_frame_free> frame_;
    const T* data_ = nullptr;
};

/// A stream of arrays with elements of type `T`, in C order.
template <typename T>
class Frames {
    static_assert(std::is_trivially_copyable_v<T>, "elements are plain memory");

public:
    explicit Frames(const stst_place& place)
        : stream_(detail::made<stst_stream, stst_stream_free>(
              [&](stst_stream** stream) { return stst_get_stream(&place, stream); })) {
        detail::check(stst_sample_size(stream_.get(), &bytes_));
        if (bytes_ % sizeof(T) != 0) detail::refuse(STST_WRONG_TYPE, "samples that are no whole number of these elements");
    }

    /// How many elements an array has.
    std::size_t size() const { return bytes_ / sizeof(T); }
    /// Publishes a copy of size() elements.
    void publish(const T* data, std::size_t count) const {
        detail::check(stst_publish(stream_.get(), data, count * sizeof(T)));
    }
    /// A frame to fill in place, for arrays of more than 4 KiB.
    Loan<T> loan() const { return Loan<T>(stream_.get(), size()); }
    /// The newest sample, in place.
    Frame<T> latest() const { return Frame<T>(stream_.get(), size()); }
    /// Waits until there is one whose number is at least `next`, for at most `timeout` seconds; a negative timeout waits without a limit. Whether there is one.
    bool wait(std::uint64_t next, double timeout = -1) const {
        const stst_stream* const stream = stream_.get();
        bool found = false;
        detail::check(stst_wait_streams(&stream, &next, 1, timeout, &found));
        return found;
    }

private:
    detail::Owned<stst_stream, stst_stream_free> stream_;
    std::size_t bytes_ = 0;
};

namespace detail {

using Store = Owned<stst_store, stst_close>;

inline Node root(const stst_store* store) {
    return made<stst_node, stst_node_free>([&](stst_node** root) { return stst_root(store, root); });
}

/// A base class, so that the store is opened before its root is looked up.
struct Holder {
    Store store;
};

}  // namespace detail

/// A store local to this process. A copy is another store with the same contents.
class StructStore : private detail::Holder, public Struct {
public:
    StructStore()
        : Holder{detail::made<stst_store, stst_close>([](stst_store** made) { return stst_local(made); })},
          Struct(detail::root(store.get())) {}
    StructStore(const Struct& other) : StructStore() { assign(other); }
    StructStore(const StructStore& other) : StructStore(static_cast<const Struct&>(other)) {}
    StructStore(StructStore&&) = default;
    StructStore& operator=(const StructStore& other) {
        assign(other);
        return *this;
    }

    /// Throws if the memory of the store is damaged.
    void check() const { detail::check(stst_check(store.get())); }
};

/// How to open a shared store.
struct Options {
    std::uint64_t size = 0;
    std::uint64_t max_size = 0;
    stst_cleanup cleanup = STST_CLEANUP_DEFAULT;
    std::uint32_t mode = 0;
    double timeout = 0;
    bool reinit = false;
    bool read_only = false;
    bool observe = false;
    bool must_exist = false;
    bool any_owner = false;
    bool file = false;
    /// Locks the memory that the store has when it is opened, so that it is never swapped out.
    bool lock_memory = false;
    /// How many bytes to map at once, so that their first use causes no page fault.
    std::uint64_t prefault = 0;
    /// The group of a new store, by name or number.
    std::string group = {};
};

/// A store that processes share by its name.
class StructStoreShared : private detail::Holder {
public:
    /// Opens a store by a name such as "/robot", or creates it.
    explicit StructStoreShared(std::string_view name, const Options& options = {})
        : Holder{detail::made<stst_store, stst_close>([&](stst_store** made) {
              const stst_options given{
                  sizeof given,      options.size,      options.max_size, options.cleanup,     options.mode,
                  options.timeout,   options.reinit,    options.read_only, options.observe, options.must_exist,
                  options.any_owner, options.file,         options.lock_memory, options.prefault,
                  options.group.data(), options.group.size()};
              return stst_open(name.data(), name.size(), &given, made);
          })},
          root_(detail::root(store.get())) {}

    StructStoreShared(StructStoreShared&&) = default;
    StructStoreShared& operator=(StructStoreShared&&) = delete;

    /// The root struct.
    const Struct& operator*() const { return root_; }
    const Struct* operator->() const { return &root_; }
    Field operator[](Key key) const { return root_[key]; }
    Field operator[](const char* name) const { return root_[name]; }

    /// Whether the name still refers to this store.
    bool valid() const {
        bool valid = false;
        detail::check(stst_valid(store.get(), &valid));
        return valid;
    }
    /// Throws if the memory of the store is damaged.
    void check() const { detail::check(stst_check(store.get())); }

    static void unlink(std::string_view name) { detail::check(stst_unlink(name.data(), name.size())); }

    bool operator==(const StructStoreShared& other) const { return root_ == other.root_; }
    bool operator!=(const StructStoreShared& other) const { return root_ != other.root_; }

private:
    Struct root_;
};

inline std::ostream& operator<<(std::ostream& out, const Struct& value) { return out << value.to_json(); }
inline std::ostream& operator<<(std::ostream& out, const List& value) { return out << value.to_json(); }
inline std::ostream& operator<<(std::ostream& out, const StructStoreShared& value) { return out << *value; }
/// Bools and numbers as such, strings without quotes, structs and lists as JSON.
inline std::ostream& operator<<(std::ostream& out, const Field& field) {
    switch (field.kind()) {
        case STST_NULL: return out << "null";
        case STST_BOOL: return out << (field.get<bool>() ? "true" : "false");
        case STST_F32:
        case STST_F64: return out << field.get<double>();
        case STST_U64: return out << field.get<std::uint64_t>();
        case STST_STR: return out << field.get_str();
        case STST_STRUCT: return out << field.get<Struct>();
        case STST_LIST: return out << field.get<List>();
        case STST_BYTES: return out << "bytes";
        case STST_ARRAY: return out << "array";
        case STST_STREAM: return out << "stream";
        default: return out << field.get<std::int64_t>();
    }
}
template <typename T>
std::ostream& operator<<(std::ostream& out, const Ref<T>& value) {
    return out << value.get();
}

}  // namespace structstore

#endif  // STRUCTSTORE_HPP
