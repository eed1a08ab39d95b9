/** What hdf5.js uses of h5wasm's inner module, which the bundler finds by this name. */
declare module "hdf5_util" {
  export interface Metadata {
    type: number;
    size: number;
    signed: boolean;
    vlen: boolean;
    /** null of what has no values at all */
    shape: number[] | null;
    total_size: number;
    enum_type?: { members: Record<string, number> };
    virtual_sources?: object[];
  }

  export interface Module {
    HEAPU8: Uint8Array;
    MAXIMUM_MEMORY: number;
    FS: {
      readdir(path: string): string[];
      lstat(path: string): { mode: number };
      isDir(mode: number): boolean;
      writeFile(path: string, data: Uint8Array): void;
      readFile(path: string): Uint8Array;
      unlink(path: string): void;
    };
    UTF8ToString(pointer: number): string;
    _malloc(length: number): number;
    _free(pointer: number): void;
    open(path: string, mode: number, trackOrder: boolean, lowest: number, highest: number): bigint;
    close_file(file: bigint): number;
    get_names(file: bigint, path: string, recursive: boolean): string[];
    get_symbolic_link(file: bigint, path: string): string | null;
    get_external_link(file: bigint, path: string): object;
    get_type(file: bigint, path: string): number;
    get_dataset_metadata(file: bigint, path: string): Metadata;
    get_dataset_data(file: bigint, path: string, count: null, offset: null, strides: null, pointer: bigint): number;
    get_attribute_names(file: bigint, path: string): string[];
    get_attribute_metadata(file: bigint, path: string, name: string): Metadata;
    get_attribute_data(file: bigint, path: string, name: string, pointer: bigint): number;
    reclaim_vlen_memory(file: bigint, path: string, name: string, pointer: bigint): number;
    create_group(file: bigint, path: string, trackOrder: boolean): number;
    create_dataset(file: bigint, path: string, pointer: bigint, metadata: object): number;
    create_attribute(file: bigint, path: string, name: string, pointer: bigint, metadata: object): number;
    create_vlen_str_attribute(file: bigint, path: string, name: string, texts: string[], metadata: object): number;
  }

  export default function createModule(options: { print(): void; printErr(): void }): Promise<Module>;
}
