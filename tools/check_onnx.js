// Called by tools/check_onnx: PROGRAM FOLDER SEED. Prints a table, and ends with status 1 if a difference is too large.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const ort = require('onnxruntime-node');

const [program, folder, seed] = process.argv.slice(2);
const tolerances = { float: 1e-6, double: 1e-12 };
const rows = 400;
const inputs = 3;
const experts = 4;

const moest = (...words) => execFileSync(program, [...words, '--quiet'], { encoding: 'utf8', maxBuffer: 1 << 28 });

// The kinds that the program knows, from its completion script: those of `fit --gate` and `fit --expert`.
const completion = moest('completion', 'bash');
const kinds = flag => completion.match(new RegExp(`"fit --${flag}"\\) words="([^"]*)"`))[1].split(' ');

// Random numbers: the generator mulberry32, and from it N(0, 1) after Box and Muller.
let state = Number(seed) * 2654435761 >>> 0;
function uniform() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
const normals = size => Array.from({ length: size }, normal);

const gate_options = {
  dense_to_sparse: [{ temperature: 0.5 }, ...['tanh', 'gelu', 'sigmoid'].map(router => ({ router, temperature: 'learned' }))],
  hierarchical: [{}, { groups: [1, 3] }],
  cosine: [{}, { temperature: 'learned' }, { temperature: 0.3, top_k: 2 }],
  perturbed_cosine: [{}, { temperature: 0.3 }, { top_k: 2 }],
  softmax: [{}, { top_k: 1 }, { top_k: 2 }, { input_map: 'tanh' }],
  laplace: [{}, { top_k: 2 }],
};
const neuron_options = [{}, { bias: false, output_weight: true, output_offset: true }];
const expert_options = {
  constant: [{}],
  linear: [{}, { bias: false }],
  polynomial: [{ degree: 2 }, { degree: 3, output_weight: true }, { degree: 6 }],
  ffn: ['sigmoid', 'tanh', 'gelu', 'silu', 'softplus', 'relu'].map(activation => ({ hidden: 3, activation })),
};
const settings = (kind, options) => (options || [{}]).map(option => ({ kind, ...option }));
const gates = kinds('gate').flatMap(kind => settings(kind, gate_options[kind]));
const kinds_of_experts = kinds('expert').flatMap(kind => settings(kind, expert_options[kind] || neuron_options));

// Smaller ones where there are more of them, so that the scores of all gates are of a few units.
function gate_numbers(kind) {
  const pairs = inputs * (inputs + 1) / 2;
  const size = { quadratic: pairs + inputs, monomial: pairs }[kind] || inputs;
  return normals(size).map(number => number * inputs / size);
}

function expert_numbers(expert, targets) {
  if (expert.kind === 'ffn') {
    if (targets === 1) return normals(expert.hidden * (inputs + 2) + 1);
    return [normals(expert.hidden * (inputs + 1)), ...Array.from({ length: targets }, () => normals(expert.hidden + 1))];
  }
  const size = expert.kind === 'constant' ? 1
    : inputs + (expert.bias !== false) + Boolean(expert.output_weight) + Boolean(expert.output_offset);
  return targets === 1 ? normals(size) : Array.from({ length: targets }, () => normals(size));
}

// What the members of an ensemble have in common: one in two has a scaling, with offsets that are large beside the
// scales; one in four two targets; one in four a range for each target.
function random_frame() {
  const targets = uniform() < 0.25 ? ['y', 'z'] : ['y'];
  const maps = (size, spread) => Array.from({ length: size }, () => ({ offset: spread * normal(), scale: Math.exp(normal()) }));
  const frame = { inputs: ['a', 'b', 'c'], target: targets.length === 1 ? 'y' : targets };
  if (uniform() < 0.5) frame.scaling = { inputs: maps(inputs, 1000), targets: maps(targets.length, 1) };
  if (uniform() < 0.25) {
    frame.target_ranges = targets.map((_, j) => {
      const centre = frame.scaling ? frame.scaling.targets[j].offset : 0;
      return { low: centre - 1, high: centre + 1.5 };
    });
  }
  return frame;
}

function random_model(gate, expert, frame = random_frame()) {
  const targets = Array.isArray(frame.target) ? frame.target.length : 1;
  const model = { moest_model: 1, gate, expert, ...frame };
  model.atoms = Array.from({ length: experts }, () =>
    ({ bias: normal(), gate: gate_numbers(gate.kind), expert: expert_numbers(expert, targets) }));
  if (gate.kind === 'hierarchical') {
    const sizes = gate.groups || [2, 2];
    model.groups = sizes.map(size => ({ bias: normal(), gate: normals(inputs), size }));
  }
  if (gate.temperature === 'learned') model.shared = { temperature: 0.5 + uniform() };
  return model;
}

// Scaled, they are from N(0, 1); each is a number that float holds too, so that all see the same.
function random_inputs(model) {
  const maps = model.scaling ? model.scaling.inputs : Array(inputs).fill({ offset: 0, scale: 1 });
  return Array.from({ length: rows }, () => maps.map(map => Math.fround(map.offset + map.scale * normal())));
}

const file = name => path.join(folder, name);

// Expected arrays by name: y and, of a single model, weights; each with its `rows` and its `size`, the largest number in
// it or among the values of the experts that y is made of.
function predictions(x, is_single) {
  fs.writeFileSync(file('data.csv'), ['a,b,c', ...x.map(row => row.join(','))].join('\n') + '\n');
  const more = is_single ? ['--weights', '--experts'] : [];
  const { columns } = JSON.parse(moest('predict', file('model.json'), file('data.csv'), ...more, '--json'));
  const array = (pattern, of_size = pattern) => {
    const columns_like = wanted => Object.keys(columns).filter(name => wanted.test(name)).map(name => columns[name]);
    const size = columns_like(of_size).flat().reduce((largest, number) => Math.max(largest, Math.abs(number)), 0);
    return { rows: x.map((_, i) => columns_like(pattern).map(column => column[i])), size };
  };
  const result = { y: array(/^prediction/, /^(prediction|expert_)/) };
  if (is_single) result.weights = array(/^weight_/);
  return result;
}

async function run(session, precision, x) {
  const numbers = (precision === 'float' ? Float32Array : Float64Array).from(x.flat());
  return session.run({ x: new ort.Tensor(precision === 'float' ? 'float32' : 'float64', numbers, [x.length, inputs]) });
}

// The largest difference of an array, in units of its size; infinite for another shape and for what is no number.
function difference(given, { rows, size }) {
  if (given.dims.join() !== [rows.length, rows[0].length].join()) return Infinity;
  return rows.flat().reduce((worst, number, i) => {
    const relative = Math.abs(given.data[i] - number) / size;
    return Number.isNaN(relative) ? Infinity : Math.max(worst, relative);
  }, 0);
}

// {float, double}: the largest differences of y and weights, of all rows at once and of the first one alone.
async function check_model(model) {
  fs.writeFileSync(file('model.json'), JSON.stringify(model));
  const x = random_inputs(model.members ? model.members[0] : model);
  const expected = predictions(x, !model.members);
  const result = {};
  for (const precision of ['float', 'double']) {
    moest('export', file('model.json'), '--onnx', file('model.onnx'), '--precision', precision);
    const session = await ort.InferenceSession.create(file('model.onnx'));
    const all = await run(session, precision, x);
    const first = await run(session, precision, x.slice(0, 1));
    if (Object.keys(all).sort().join() !== Object.keys(expected).sort().join()) throw new Error('other outputs');
    const first_of = ({ rows, size }) => ({ rows: rows.slice(0, 1), size });
    result[precision] = Math.max(...Object.entries(expected).flatMap(([name, array]) =>
      [difference(all[name], array), difference(first[name], first_of(array))]));
    await session.release();
  }
  return result;
}

const text = ({ kind, ...options }) =>
  [kind, ...Object.entries(options).map(([name, value]) => `${name} ${value}`)].join(', ');

(async () => {
  const table = new Map();  // by the text of a gate, an expert or an ensemble
  const problems = [];
  const see = (name, differences) => {
    const row = table.get(name) || { models: 0, float: 0, double: 0 };
    row.models += 1;
    for (const precision of ['float', 'double']) row[precision] = Math.max(row[precision], differences[precision]);
    table.set(name, row);
  };
  const check = async (model, what) => {
    const differences = await check_model(model);
    for (const precision of ['float', 'double']) {
      if (!(differences[precision] <= tolerances[precision])) problems.push(`${what}: ${precision} ${differences[precision]}`);
    }
    return differences;
  };
  const by_expert = new Map();
  for (const gate of gates) {
    for (const expert of kinds_of_experts) {
      const differences = await check(random_model(gate, expert), `${text(gate)} with ${text(expert)}`);
      see(`gate ${text(gate)}`, differences);
      by_expert.set(text(expert), [...(by_expert.get(text(expert)) || []), differences]);
    }
  }
  for (const [name, list] of by_expert) list.forEach(differences => see(`expert ${name}`, differences));
  const any = list => list[Math.floor(uniform() * list.length)];
  for (let i = 0; i < 20; ++i) {
    const frame = random_frame();
    const members = Array.from({ length: 3 }, () => random_model(any(gates), any(kinds_of_experts), frame));
    const ensemble = { moest_model: 1, members, weights: [1, 2, 0.5] };
    see('ensembles of three, with weights', await check(ensemble, `ensemble ${i}`));
  }
  console.log(`ONNX Runtime ${require('onnxruntime-node/package.json').version}, seed ${seed}`);
  console.log('\n| models | number | float | double |\n|---|---:|---:|---:|');
  for (const [name, row] of table) {
    console.log(`| ${name} | ${row.models} | ${row.float.toExponential(1)} | ${row.double.toExponential(1)} |`);
  }
  problems.forEach(problem => console.log(`WRONG: ${problem}`));
  console.log(problems.length === 0 ? '\nAll agree.' : `\n${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
})();
