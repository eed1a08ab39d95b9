import assert from "node:assert/strict";
import { test } from "node:test";

import { Textures } from "../webgl/textures.js";

/** A context that counts the textures it has made. */
function fakeContext() {
  const gl = new Proxy(
    { made: 0, alive: new Set(), uploads: 0 },
    {
      get(target, name) {
        if (name in target) return target[name];
        if (name === "createTexture") {
          return () => {
            const texture = { number: ++target.made };
            target.alive.add(texture);
            return texture;
          };
        }
        if (name === "deleteTexture") return (texture) => target.alive.delete(texture);
        if (name === "texSubImage3D") return () => target.uploads++;
        return name === name.toUpperCase() ? name : () => undefined;
      },
    },
  );
  return gl;
}

/** @param {number} [poolBytes] */
function setUp(poolBytes = 1 << 20) {
  const gl = fakeContext();
  const state = { stale: false };
  const deleted = [];
  const caps = { maxTextureSize: 4096, maxArrayLayers: 256, floatTargets: true };
  return { gl, state, deleted, textures: new Textures(gl, state, caps, poolBytes, (texture) => deleted.push(texture)) };
}

test("a freed texture is used again for the same shape and format only", () => {
  const { gl, textures } = setUp();
  const first = textures.alloc(4, 2, 1, "rgba32f");
  const texture = textures.get(first).texture;
  textures.free([first]);
  textures.alloc(4, 2, 1, "rgba8");
  textures.alloc(2, 4, 1, "rgba32f");
  assert.equal(gl.made, 3);
  assert.equal(textures.get(textures.alloc(4, 2, 1, "rgba32f")).texture, texture);
  assert.equal(gl.made, 3);
});

test("bytes are those of live textures; freed ones count as the pool's", () => {
  const { textures } = setUp();
  const a = textures.alloc(4, 2, 3, "rgba32f");
  textures.alloc(4, 2, 1, "rgba8");
  assert.deepEqual(textures.memory(), { textures: 2, bytes: 4 * 2 * 3 * 16 + 4 * 2 * 4, poolTextures: 0, poolBytes: 0 });
  textures.free([a]);
  assert.deepEqual(textures.memory(), { textures: 1, bytes: 32, poolTextures: 1, poolBytes: 384 });
});

test("freeing twice is harmless, using what was freed is not", () => {
  const { textures } = setUp();
  const id = textures.alloc(1, 1, 1, "rgba32f");
  textures.free([id]);
  textures.free([id]);
  assert.equal(textures.memory().poolTextures, 1);
  assert.throws(() => textures.get(id), new RegExp(`there is no texture ${id}`));
  assert.notEqual(textures.alloc(1, 1, 1, "rgba32f"), id);
});

test("the pool lets its oldest textures go when it holds too much", () => {
  const { gl, deleted, textures } = setUp(100 * 16);
  const ids = [60, 50, 40].map((w) => textures.alloc(w, 1, 1, "rgba32f"));
  const oldest = textures.get(ids[0]).texture;
  textures.free(ids.slice(0, 1));
  assert.deepEqual(deleted, []);
  textures.free(ids.slice(1));
  assert.deepEqual(deleted, [oldest]);
  assert.equal(gl.alive.size, 2);
  assert.equal(textures.memory().poolBytes, 90 * 16);
});

test("an upload of the wrong size does not reach the GPU", () => {
  const { gl, state, textures } = setUp();
  const id = textures.alloc(2, 2, 1, "rgba32f");
  assert.throws(() => textures.uploading(id, 0, 0, 2, 2, new Float32Array(15)), /2x2x1 texels got 15 numbers/);
  assert.equal(gl.uploads, 0);
  textures.uploading(id, 0, 0, 2, 2, new Float32Array(16))();
  assert.equal(gl.uploads, 1);
  assert.ok(state.stale, "the executor must bind its textures anew");
});

test("what is made to be kept takes the room of what was freed first, and leaves what it can use", () => {
  const { gl, textures } = setUp();
  const ids = [60, 50, 40].map((w) => textures.alloc(w, 1, 1, "rgba32f"));
  const [first, second, third] = ids.map((id) => textures.get(id).texture);
  textures.free(ids);
  textures.makeRoom([[60, 1, 1, "rgba32f"]]);
  assert.equal(textures.memory().poolBytes, 150 * 16);
  textures.makeRoom([
    [60, 1, 1, "rgba32f"],
    [45, 1, 1, "rgba32f"],
  ]);
  assert.ok(gl.alive.has(first) && !gl.alive.has(second) && gl.alive.has(third));
  assert.equal(textures.memory().poolBytes, 100 * 16);
  assert.equal(textures.get(textures.alloc(60, 1, 1, "rgba32f")).texture, first);
});
