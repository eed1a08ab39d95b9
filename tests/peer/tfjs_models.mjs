// TensorFlow.js on the other side of a file: it saves models and what they predict, and predicts with models saved here.
//   node tfjs_models.mjs save FOLDER    makes one folder per model: model.json, model.weights.bin, case.json
//   node tfjs_models.mjs load FOLDER    reads such folders, and writes predictions.json into each
import * as tf from '@tensorflow/tfjs';
import fs from 'node:fs';
import path from 'node:path';

const L = tf.layers;
const inputs = (...shapes) => shapes.map((shape) => tf.input({ shape }));

// Each gives a model; its inputs are drawn, or made by `data`.
const MODELS = {
  mlp: () => tf.sequential({ layers: [L.dense({ units: 4, inputShape: [3], activation: 'relu' }), L.dropout({ rate: 0.5 }),
    L.dense({ units: 2, activation: 'softmax', kernelRegularizer: 'l1l2', biasConstraint: 'nonNeg' })] }),
  cnn: () => tf.sequential({ layers: [L.conv2d({ filters: 3, kernelSize: 3, inputShape: [8, 8, 2], padding: 'same' }),
    L.batchNormalization(), L.reLU(), L.maxPooling2d({ poolSize: 2 }), L.flatten(), L.dense({ units: 2 })] }),
  separable: () => tf.sequential({ layers: [L.separableConv2d({ filters: 3, kernelSize: 2, inputShape: [6, 6, 2] }),
    L.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2 }), L.globalAveragePooling2d({})] }),
  transposed: () => tf.sequential({ layers: [L.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2,
    padding: 'same', inputShape: [4, 4, 1] }), L.upSampling2d({}), L.cropping2D({ cropping: [[1, 1], [2, 0]] })] }),
  conv1d: () => tf.sequential({ layers: [L.conv1d({ filters: 3, kernelSize: 2, inputShape: [6, 2], padding: 'same' }),
    L.averagePooling1d({ poolSize: 2 }), L.globalMaxPooling1d()] }),
  conv3d: () => tf.sequential({ layers: [L.conv3d({ filters: 2, kernelSize: 2, inputShape: [4, 4, 4, 1] }),
    L.maxPooling3d({ poolSize: 2, padding: 'same' }), L.flatten()] }),
  lstm: () => tf.sequential({ layers: [L.lstm({ units: 3, inputShape: [4, 2], returnSequences: true }),
    L.lstm({ units: 2, recurrentActivation: 'sigmoid' })] }),
  gru: () => tf.sequential({ layers: [L.gru({ units: 3, inputShape: [4, 2], goBackwards: true }), L.dense({ units: 1 })] }),
  simpleRnn: () => tf.sequential({ layers: [L.simpleRNN({ units: 3, inputShape: [4, 2], activation: 'relu' })] }),
  stackedCells: () => tf.sequential({ layers: [L.rnn({ cell: [L.lstmCell({ units: 3 }), L.gruCell({ units: 2 })],
    inputShape: [4, 2] })] }),
  bidirectional: () => tf.sequential({ layers: [L.bidirectional({ layer: L.lstm({ units: 2, returnSequences: true }),
    mergeMode: 'concat', inputShape: [4, 3] }), L.timeDistributed({ layer: L.dense({ units: 2 }) })] }),
  convLstm: () => tf.sequential({ layers: [L.convLstm2d({ filters: 2, kernelSize: 2, inputShape: [3, 5, 5, 1] })] }),
  embedding: () => tf.sequential({ layers: [L.embedding({ inputDim: 2, outputDim: 3, inputLength: 4, maskZero: true }),
    L.lstm({ units: 2 })] }),
  activations: () => tf.sequential({ layers: [L.dense({ units: 4, inputShape: [3], activation: 'hardSigmoid' }),
    L.leakyReLU({ alpha: 0.1 }), L.prelu(), L.elu(), L.thresholdedReLU({ theta: 0.1 }), L.softmax()] }),
  reshaping: () => tf.sequential({ layers: [L.reshape({ targetShape: [3, 2], inputShape: [6] }), L.permute({ dims: [2, 1] }),
    L.flatten(), L.repeatVector({ n: 2 })] }),
  normalization: () => tf.sequential({ layers: [L.layerNormalization({ inputShape: [4, 3] }), L.activation({ activation: 'tanh' }),
    L.gaussianNoise({ stddev: 0.1 }), L.masking({ maskValue: 0 })] }),
  merging: () => {
    const [a, b] = inputs([3], [3]);
    const shared = L.dense({ units: 3, name: 'shared_layer' });
    const [p, q] = [shared.apply(a), shared.apply(b)];
    const out = ['add', 'multiply', 'average', 'maximum', 'concatenate'].map((name) => L[name]().apply([p, q]));
    return tf.model({ inputs: [a, b], outputs: L.concatenate().apply(out) });
  },
  severalOutputs: () => {
    const [a] = inputs([4]);
    const middle = L.dense({ units: 3 }).apply(a);
    return tf.model({ inputs: a, outputs: [L.dense({ units: 1 }).apply(middle), middle] });
  },
  nested: () => {
    const [a] = inputs([4]);
    const inner = tf.sequential({ layers: [L.dense({ units: 3, inputShape: [4] }), L.dense({ units: 2 })] });
    return tf.model({ inputs: a, outputs: L.add().apply([inner.apply(a), L.dense({ units: 2 }).apply(a)]) });
  },
  states: () => {
    const [a, b] = inputs([4, 2], [5, 2]);
    const [, h, c] = L.lstm({ units: 3, returnState: true }).apply(a);
    return tf.model({ inputs: [a, b], outputs: L.lstm({ units: 3 }).apply(b, { initialState: [h, c] }) });
  },
  dot: () => {
    const [a, b] = inputs([3, 2], [3, 2]);
    return tf.model({ inputs: [a, b], outputs: L.dot({ axes: 2, normalize: true }).apply([a, b]) });
  },
};

const plain = (t) => ({ shape: t.shape, data: Array.from(t.dataSync()) });
const list = (value) => (Array.isArray(value) ? value : [value]);
const tensor = ({ shape, data }) => tf.tensor(data, shape);

function predicted(model, xs) {
  return list(model.predict(xs.length === 1 ? xs[0] : xs)).map(plain);
}

async function save(folder) {
  for (const [name, make] of Object.entries(MODELS)) {
    const model = make();
    model.setWeights(model.getWeights().map((w, i) => tf.randomUniform(w.shape, 0.05, 0.5, 'float32', i + 1)));
    const xs = model.inputs.map((x, i) => tf.randomUniform(x.shape.map((d) => d ?? 2), 0, 1.99, 'float32', 70 + i));
    if (name === 'mlp') {
      model.compile({ optimizer: tf.train.adam(0.01), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
      await model.fit(tf.ones([4, 3]), tf.tensor2d([[0, 1], [1, 0], [0, 1], [1, 0]]), { epochs: 2, verbose: 0 });
    }
    const at = path.join(folder, name);
    fs.mkdirSync(at, { recursive: true });
    await model.save(tf.io.withSaveHandler(async (artifacts) => {
      const { modelTopology, weightSpecs, weightData, ...more } = artifacts;
      const weightsManifest = [{ paths: ['./model.weights.bin'], weights: weightSpecs }];
      fs.writeFileSync(path.join(at, 'model.json'), JSON.stringify({ modelTopology, ...more, weightsManifest }));
      fs.writeFileSync(path.join(at, 'model.weights.bin'), Buffer.from(weightData));
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }), { includeOptimizer: name === 'mlp' });
    fs.writeFileSync(path.join(at, 'case.json'), JSON.stringify({ inputs: xs.map(plain), outputs: predicted(model, xs) }));
  }
}

async function load(folder) {
  for (const name of fs.readdirSync(folder)) {
    const at = path.join(folder, name);
    const json = JSON.parse(fs.readFileSync(path.join(at, 'model.json'), 'utf8'));
    const data = fs.readFileSync(path.join(at, 'model.weights.bin'));
    const { inputs } = JSON.parse(fs.readFileSync(path.join(at, 'inputs.json'), 'utf8'));
    let answer;
    try {
      const { weightsManifest, ...artifacts } = json;
      const model = await tf.loadLayersModel(tf.io.fromMemory({ ...artifacts, weightSpecs: weightsManifest[0].weights,
        weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) }));
      answer = { outputs: predicted(model, inputs.map(tensor)), compiled: model.optimizer !== undefined,
        iterations: model.optimizer?.iterations };
    } catch (error) {
      answer = { error: String(error.stack) };
    }
    fs.writeFileSync(path.join(at, 'predictions.json'), JSON.stringify(answer));
  }
}

const [verb, folder] = process.argv.slice(2);
await tf.setBackend('cpu');
await (verb === 'save' ? save : load)(folder);
