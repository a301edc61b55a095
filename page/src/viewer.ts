/** A material on a lit sphere or plane. */

import {
  Color,
  DataTexture,
  DirectionalLight,
  Group,
  LinearFilter,
  LinearMipmapLinearFilter,
  Mesh,
  MeshBasicMaterial,
  MeshPhysicalMaterial,
  NeutralToneMapping,
  NoColorSpace,
  PerspectiveCamera,
  PlaneGeometry,
  PMREMGenerator,
  RepeatWrapping,
  RGBAFormat,
  Scene,
  SphereGeometry,
  SRGBColorSpace,
  Texture,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import { type StoredFile, shown } from "./api";

export type Shape = "sphere" | "plane";
export type Grip = "turn" | "light";

/** Sliders of the tool `adjust`, as changes of the material that is shown. */
export interface Sliders {
  /** Exponent of the factor on the odds of roughness. */
  roughness: number;
  normal: number;
  height: number;
  metal: "auto" | "on" | "off";
}

/** Longest side of a map in pixels; a screen shows less. */
const SIDE = 2048;
/** Rotation in radians by a drag over the whole view and by an arrow key, and the largest pitch. */
const TURN = { drag: Math.PI, key: Math.PI / 24, pitch: Math.PI / 2 };
const DISTANCE = { near: 1.6, far: 8, usual: { sphere: 3.5, plane: 3.5 } };
/** Reflectance at normal incidence for a specular level of 1, and the index of refraction with that reflectance. */
const MAX_DIELECTRIC = 0.08;
const MAX_IOR = (1 + Math.sqrt(MAX_DIELECTRIC)) / (1 - Math.sqrt(MAX_DIELECTRIC));
/** Factor on the odds of roughness for a slider of 1, as `adjust` has it. */
const ODDS = "8.0";
/** Reflectance at normal incidence of usual dielectrics. */
const DIELECTRIC = "0.04";
/** What `adjust` does to roughness, metal and base color, in the shader. */
const ADJUSTED = `
  float inside = clamp(roughnessFactor, 0.02 * abs(roughnessShift), 1.0 - 0.02 * abs(roughnessShift));
  roughnessFactor = roughnessShift == 0.0 ? roughnessFactor : inside / (inside + (1.0 - inside) * pow(${ODDS}, -roughnessShift));
  if (metal > 0.0) {
    vec3 whole = max(diffuseColor.rgb, vec3(1.0));
    diffuseColor.rgb = min(diffuseColor.rgb + ${DIELECTRIC} * (1.0 - metalnessFactor), whole);
    metalnessFactor = 1.0;
  } else if (metal < 0.0) {
    diffuseColor.rgb = max(diffuseColor.rgb - ${DIELECTRIC} * metalnessFactor, vec3(0.0));
    metalnessFactor = 0.0;
  }
`;
/** Side of the plane, in units of the sphere's radius. */
const PLANE = 2;

export class Viewer {
  readonly canvas: HTMLCanvasElement;
  grip: Grip = "turn";
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(38, 1, 0.05, 50);
  private readonly light = new DirectionalLight(0xffffff, 1.95);
  private readonly turned = new Group();
  private readonly material = new MeshPhysicalMaterial();
  private readonly mesh: Mesh<SphereGeometry | PlaneGeometry, MeshPhysicalMaterial>;
  private readonly sizes: ResizeObserver;
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private readonly motion = new Vector2();
  private shape: Shape = "sphere";
  private aspect = 1;
  private repeats = 1;
  private depth = 0;
  private strength = 1;
  private readonly uniforms = { roughnessShift: { value: 0 }, metal: { value: 0 } };
  private angles = { yaw: 0, pitch: 0 };
  private lightAngles = { azimuth: 0, elevation: 0 };
  private distance = DISTANCE.usual.sphere;
  private frame = 0;
  private loading = 0;

  /** @throws when the browser has no WebGL 2. */
  constructor(private readonly callbacks: { failed: (sentence: string) => void }) {
    this.renderer = new WebGLRenderer({ antialias: true, alpha: true });
    this.renderer.toneMapping = NeutralToneMapping;
    this.renderer.outputColorSpace = SRGBColorSpace;
    this.canvas = this.renderer.domElement;
    this.canvas.tabIndex = 0;
    this.material.onBeforeCompile = (shader) => {
      Object.assign(shader.uniforms, this.uniforms);
      shader.fragmentShader = `uniform float roughnessShift;\nuniform float metal;\n${shader.fragmentShader}`.replace(
        "#include <metalnessmap_fragment>",
        `#include <metalnessmap_fragment>${ADJUSTED}`,
      );
    };
    this.mesh = new Mesh(new SphereGeometry(), this.material);
    this.turned.add(this.mesh);
    this.scene.add(this.turned, this.light, this.light.target);
    this.scene.environment = this.studio();
    this.scene.environmentIntensity = 0.85;
    this.reset();
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
    this.listen();
  }

  /** Show the maps of a material, or an image as its base color. */
  async show(files: StoredFile[], aspect: number): Promise<void> {
    const turn = ++this.loading;
    const by = new Map(files.map((file) => [file.map || "basecolor", file]));
    const image = async (kind: string): Promise<ImageBitmap | null> => {
      const file = by.get(kind);
      return file ? picture(file) : null;
    };
    const load = async (kind: string, color = false): Promise<Texture | null> => {
      const found = await image(kind);
      return found && texture(found, color, this.renderer.capabilities.getMaxAnisotropy());
    };
    const loaded = await Promise.all([
      load("basecolor", true),
      load("normal"),
      load("roughness"),
      load("metallic"),
      load("ao"),
      load("orm"),
      load("height"),
      load("opacity"),
      load("emission", true),
      image("specular").then((found) => found && inAlpha(found)),
      image("gloss").then((found) => found && inverted(found)),
      Promise.all([image("anisotropy"), image("anisotropy_angle")]).then(([found, angle]) => found && directed(found, angle)),
    ]);
    if (turn !== this.loading) {
      loaded.forEach((one) => one?.dispose());
      return;
    }
    const [color, normal, roughness, metallic, ao, orm, height, opacity, emission, specular, gloss, anisotropy] = loaded;
    this.forget();
    const { material } = this;
    material.map = color;
    material.color = new Color(color ? 0xffffff : 0xb4b4b4);
    material.normalMap = normal;
    material.roughnessMap = roughness ?? orm ?? gloss;
    material.roughness = material.roughnessMap ? 1 : 0.6;
    material.metalnessMap = metallic ?? orm;
    material.metalness = material.metalnessMap ? 1 : 0;
    material.aoMap = ao ?? orm;
    material.displacementMap = height;
    material.alphaMap = opacity;
    material.alphaTest = opacity ? 0.5 : 0;
    material.emissiveMap = emission;
    material.emissive = new Color(emission ? 0xffffff : 0);
    material.specularIntensityMap = specular;
    material.anisotropyMap = anisotropy;
    material.anisotropy = anisotropy ? 1 : 0;
    material.ior = specular ? MAX_IOR : 1.5;
    material.needsUpdate = true;
    this.aspect = aspect;
    this.updateMesh();
  }

  /** Whether the material has a height map. */
  get hasHeight(): boolean {
    return this.material.displacementMap !== null;
  }

  set kind(shape: Shape) {
    if (shape === this.shape) return;
    this.shape = shape;
    this.reset();
    this.updateMesh();
  }

  set repeat(times: number) {
    this.repeats = times;
    this.updateMesh();
  }

  /** Distance between black and white of the height map, as a fraction of the map's width. */
  set relief(part: number) {
    this.depth = part;
    const width = this.shape === "plane" ? PLANE / this.repeats : Math.PI / this.repeats;
    this.material.displacementScale = part * this.strength * width;
    this.material.displacementBias = -0.5 * part * this.strength * width;
    this.draw();
  }

  /** Show the material as the tool `adjust` would make it. */
  set sliders({ roughness, normal, height, metal }: Sliders) {
    this.uniforms.roughnessShift.value = roughness;
    this.uniforms.metal.value = { auto: 0, on: 1, off: -1 }[metal];
    this.material.normalScale.set(normal, normal);
    this.material.aoMapIntensity = height;
    this.strength = height;
    this.relief = this.depth;
  }

  /** Reset view and light. */
  reset(): void {
    this.angles = this.shape === "sphere" ? { yaw: -0.5, pitch: 0.12 } : { yaw: -0.3, pitch: -0.42 };
    this.lightAngles = { azimuth: -0.75, elevation: 0.75 };
    this.distance = DISTANCE.usual[this.shape];
    this.draw();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.loading += 1;
    this.sizes.disconnect();
    this.forget();
    this.mesh.geometry.dispose();
    this.material.dispose();
    this.scene.environment?.dispose();
    this.renderer.dispose();
    // Browsers allow few contexts; release this one at once.
    this.canvas.removeEventListener("webglcontextlost", this.lost);
    this.renderer.forceContextLoss();
  }

  /** A gray room with soft boxes: neutral, with edges that show roughness. */
  private studio(): Texture {
    const room = new Scene();
    const box = (width: number, height: number, place: [number, number, number], strength: number): void => {
      const lamp = new Mesh(new PlaneGeometry(width, height), new MeshBasicMaterial());
      lamp.material.color.setScalar(strength);
      lamp.position.set(...place);
      lamp.lookAt(0, 0, 0);
      room.add(lamp);
    };
    room.background = new Color().setScalar(0.22);
    box(6, 3, [0, 6, 1.5], 5);
    box(2.5, 5, [-6, 1.5, 2], 4);
    box(2, 5, [6, 1, -1], 2.2);
    box(5, 1.2, [0, 1.5, 7], 0.9);
    box(12, 12, [0, -6, 0], 0.1);
    const generator = new PMREMGenerator(this.renderer);
    const { texture: environment } = generator.fromScene(room, 0.02);
    generator.dispose();
    room.traverse((one) => {
      if (one instanceof Mesh) {
        one.geometry.dispose();
        (one.material as MeshBasicMaterial).dispose();
      }
    });
    return environment;
  }

  /** Update the mesh and the repeats of the maps. */
  private updateMesh(): void {
    const detailed = this.hasHeight ? 320 : 96;
    this.mesh.geometry.dispose();
    const repeat = new Vector2(this.repeats, this.repeats);
    if (this.shape === "sphere") {
      this.mesh.geometry = new SphereGeometry(1, 2 * detailed, detailed, -Math.PI / 2);
      // The equator is twice as long as a meridian; only whole repeats meet at the back.
      repeat.x = Math.max(1, Math.round((2 * this.repeats) / this.aspect));
    } else {
      const wide = Math.min(1, this.aspect);
      const high = Math.min(1, 1 / this.aspect);
      this.mesh.geometry = new PlaneGeometry(PLANE * wide, PLANE * high, detailed, detailed);
    }
    for (const map of this.maps) map.repeat.copy(repeat);
    this.draw();
  }

  private get maps(): Texture[] {
    const { material: m } = this;
    const all = [m.map, m.normalMap, m.roughnessMap, m.metalnessMap, m.aoMap, m.displacementMap, m.alphaMap];
    return [...new Set([...all, m.emissiveMap, m.specularIntensityMap, m.anisotropyMap])].filter((map) => map !== null);
  }

  private forget(): void {
    this.maps.forEach((map) => map.dispose());
  }

  private listen(): void {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => this.dragged(event));
    for (const end of ["pointerup", "pointercancel"] as const) {
      canvas.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(event.deltaY * (event.deltaMode === 0 ? 0.001 : 0.04)));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.reset());
    canvas.addEventListener("keydown", (event) => this.pressed(event));
    canvas.addEventListener("webglcontextlost", this.lost);
  }

  private readonly lost = (): void => this.callbacks.failed("The 3D view was lost by the graphics card. Reload the page to restore it.");

  private dragged(event: PointerEvent): void {
    const from = this.pointers.get(event.pointerId);
    if (!from) return;
    const to = { x: event.clientX, y: event.clientY };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, to);
    if (other) {
      const apart = (one: { x: number; y: number }): number => Math.hypot(one.x - other.x, one.y - other.y);
      this.zoom(apart(from) / Math.max(apart(to), 1));
      return;
    }
    const light = this.grip === "light" || event.shiftKey || event.buttons === 2;
    const scale = TURN.drag / this.canvas.clientHeight;
    this.move(light, this.motion.set(to.x - from.x, to.y - from.y).multiplyScalar(scale));
  }

  private pressed(event: KeyboardEvent): void {
    const arrows: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const arrow = arrows[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow) this.move(this.grip === "light" || event.shiftKey, this.motion.set(...arrow).multiplyScalar(TURN.key));
    else if (event.key === "+" || event.key === "=") this.zoom(1 / 1.1);
    else if (event.key === "-") this.zoom(1.1);
    else if (event.key === "Home" || event.key === "0") this.reset();
    else return;
    event.preventDefault();
  }

  private move(light: boolean, by: Vector2): void {
    const limit = (angle: number, most: number): number => Math.min(Math.max(angle, -most), most);
    if (light) {
      this.lightAngles.azimuth += by.x;
      this.lightAngles.elevation = limit(this.lightAngles.elevation - by.y, TURN.pitch);
    } else {
      this.angles.yaw += by.x;
      this.angles.pitch = limit(this.angles.pitch + by.y, TURN.pitch);
    }
    this.draw();
  }

  private zoom(factor: number): void {
    this.distance = Math.min(Math.max(this.distance * factor, DISTANCE.near), DISTANCE.far);
    this.draw();
  }

  /** Schedule a frame. */
  private draw(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.render();
    });
  }

  private render(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    const ratio = Math.min(window.devicePixelRatio, 2);
    const now = this.renderer.getSize(new Vector2());
    if (now.x !== width || now.y !== height || this.renderer.getPixelRatio() !== ratio) {
      this.renderer.setPixelRatio(ratio);
      this.renderer.setSize(width, height, false);
      this.camera.aspect = width / height;
    }
    // Keep the size of the surface in a view that is higher than wide.
    this.camera.position.set(0, 0, this.distance * Math.max(1, height / width));
    this.camera.updateProjectionMatrix();
    this.turned.rotation.set(this.angles.pitch, this.angles.yaw, 0, "XYZ");
    const { azimuth, elevation } = this.lightAngles;
    this.light.position.copy(
      new Vector3(Math.sin(azimuth) * Math.cos(elevation), Math.sin(elevation), Math.cos(azimuth) * Math.cos(elevation)),
    );
    this.renderer.render(this.scene, this.camera);
    // Read by tests, which cannot see when an image is complete.
    this.canvas.dataset.angles = [this.angles.yaw, this.angles.pitch, azimuth, elevation].map((a) => a.toFixed(3)).join(" ");
  }
}

/** A map's stored pixels, without color management and premultiplied alpha. */
async function picture(file: StoredFile): Promise<ImageBitmap> {
  const answer = await fetch(shown(file, SIDE));
  if (!answer.ok) throw new Error(`Cannot load ${file.name}.`);
  return createImageBitmap(await answer.blob(), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
    imageOrientation: "flipY",
  });
}

function texture(image: ImageBitmap, color: boolean, anisotropy: number): Texture {
  return sampled(new Texture(image), color, anisotropy, () => image.close());
}

function sampled<Kind extends Texture>(map: Kind, color: boolean, anisotropy: number, onDispose: () => void): Kind {
  map.colorSpace = color ? SRGBColorSpace : NoColorSpace;
  map.wrapS = map.wrapT = RepeatWrapping;
  map.minFilter = LinearMipmapLinearFilter;
  map.magFilter = LinearFilter;
  map.generateMipmaps = true;
  map.flipY = false;
  map.anisotropy = Math.min(8, anisotropy);
  map.needsUpdate = true;
  map.addEventListener("dispose", onDispose);
  return map;
}

/** A copy with changed pixels, for maps that the renderer expects in another channel or sense. */
function rewritten(image: ImageBitmap, change: (pixels: Uint8ClampedArray, at: number) => void): DataTexture {
  const { width, height } = image;
  const data = pixels(image, width, height);
  for (let at = 0; at < data.length; at += 4) change(data, at);
  return sampled(new DataTexture(new Uint8Array(data.buffer), width, height, RGBAFormat), false, 8, () => {});
}

/** An image's pixels at a size; closes the image. */
function pixels(image: ImageBitmap, width: number, height: number): Uint8ClampedArray<ArrayBuffer> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(image, 0, 0, width, height);
  image.close();
  return context.getImageData(0, 0, width, height).data;
}

const inAlpha = (image: ImageBitmap): DataTexture =>
  rewritten(image, (data, at) => (data[at + 3] = data[at + 1]!));

const inverted = (image: ImageBitmap): DataTexture =>
  rewritten(image, (data, at) => (data[at + 1] = 255 - data[at + 1]!));

/** Anisotropy for the renderer: direction in red and green, strength in blue. */
function directed(strength: ImageBitmap, angle: ImageBitmap | null): DataTexture {
  const turns = angle && pixels(angle, strength.width, strength.height);
  return rewritten(strength, (data, at) => {
    const radians = turns ? (turns[at]! / 255) * 2 * Math.PI : 0;
    data[at + 2] = data[at]!;
    data[at] = 127.5 + 127.5 * Math.cos(radians);
    data[at + 1] = 127.5 + 127.5 * Math.sin(radians);
  });
}
