// What the parts of the Python module share: arrays in and out, and work that Ctrl-C can end.
#pragma once

#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <Eigen/Core>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "moest/data/array_dataset.h"
#include "moest/model/model.h"

namespace moest::python {

/// A two-dimensional array of float64 that stays where it is. Throws std::invalid_argument for another shape.
class Array {
 public:
  explicit Array(const pybind11::object& array);

  MatrixView view() const;

 private:
  pybind11::array_t<double> array_;
};

/// A model or an ensemble, as a file holds it.
struct Mixture {
  Ensemble ensemble;

  /// The only member. Throws InputError: `what` needs one gate.
  const Model& single(const std::string& what) const;
};

nlohmann::ordered_json json_of(const std::string& text);

/// What became of work that Ctrl-C may have ended early.
template <class Result>
struct Outcome {
  Result result;
  bool was_interrupted = false;
};

/// Whether the interpreter is on its way out, when no thread may ask for its lock any more.
inline bool interpreter_ends() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

/// Runs work(interrupt) on a thread of its own without the interpreter's lock, while this one looks out for
/// signals. One that raises an exception sets the flag `interrupt`, whereupon work should return what it has.
/// The first KeyboardInterrupt is dropped, and the caller told; any other exception, and a second one, is
/// thrown when the work has ended. Exceptions of the work arrive here, too.
template <class Work>
auto interruptible(const Work& work) {
  using Result = decltype(work(std::declval<const std::atomic<bool>*>()));
  constexpr std::chrono::milliseconds kBetweenLooks{50};
  Outcome<Result> outcome;
  std::exception_ptr error;
  std::atomic<bool> interrupt{false};
  std::mutex mutex;
  std::condition_variable ended;
  bool is_done = false;
  const pybind11::gil_scoped_release unlocked;
  std::jthread worker([&] {
    try {
      outcome.result = work(&interrupt);
    } catch (...) {
      error = std::current_exception();
    }
    const std::scoped_lock lock(mutex);
    is_done = true;
    ended.notify_one();
  });
  std::exception_ptr raised;
  std::unique_lock lock(mutex);
  while (!ended.wait_for(lock, kBetweenLooks, [&] { return is_done; })) {
    lock.unlock();
    while (interpreter_ends()) {
      interrupt = true;  // a daemon's fit: nobody will ask for its result
      std::this_thread::sleep_for(kBetweenLooks);
    }
    {
      const pybind11::gil_scoped_acquire locked;
      if (PyErr_CheckSignals() != 0) {
        const pybind11::error_already_set signal;
        if (outcome.was_interrupted || !signal.matches(PyExc_KeyboardInterrupt)) {
          raised = std::make_exception_ptr(signal);
        }
        interrupt = true;
        outcome.was_interrupted = true;
      }
    }
    lock.lock();
  }
  lock.unlock();
  worker.join();
  if (raised || error) {
    std::rethrow_exception(raised ? raised : error);
  }
  return outcome;
}

/// Calls a Python function from whatever thread the work reports from; what it raises is dropped, since the
/// work must not die of it.
template <class... Arguments>
void report_to(const pybind11::object& progress, Arguments... arguments) {
  if (interpreter_ends()) {
    return;
  }
  const pybind11::gil_scoped_acquire locked;
  try {
    progress(arguments...);
  } catch (pybind11::error_already_set& error) {
    error.discard_as_unraisable("the progress of moest");
  }
}

void bind_model(pybind11::module_& module);
void bind_fit(pybind11::module_& module);
void bind_theory(pybind11::module_& module);
void bind_study(pybind11::module_& module);

}  // namespace moest::python
