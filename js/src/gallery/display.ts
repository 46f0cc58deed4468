// What the tiles of a grid are: photos side by side; a preview has draws of one image to a row besides.

import { type Plan, photoPlan } from "./geometry";
import type { Row } from "./protocol";
import type { Store } from "./store";
import { Tile } from "./tile";

/** Width that a picture has at least, in a narrow place and in a wide one. */
const LEAST = { narrow: 62, wide: 104 };
const NARROW = 480;
/** Height of the words below a picture. */
export const CAPTION = 20;

export interface State {
  row: Row | undefined;
  selected: boolean;
  active: boolean;
}

export interface GridTile {
  readonly element: HTMLElement;
  draw(state: State): void;
}

export interface Display {
  /** Tiles of one display are not used for another's. */
  readonly name: string;
  plan(width: number, images: number): Plan;
  newTile(id: string, place: number): GridTile;
  /** Draws of each image as a model sees it; 0 for thumbnails. */
  draws(plan: Plan): number;
  /** Key of the picture of an image that comes last. */
  lastKey(image: number, plan: Plan): string;
}

/** What is said of an image: below it in a word or two, and of its class. */
export interface Words {
  caption: string;
  label: string;
}

/** Thumbnails side by side, with so many pixels for the words below them. */
export function photos(store: Store, wordsOf: (row: Row) => Words, caption = CAPTION): Display {
  return {
    name: "photos",
    plan: (width, images) => photoPlan(width, images, least(width), caption),
    newTile: (id, place) => {
      const tile = new Tile(id, place);
      const draw = ({ row, ...state }: State) => {
        const words = row ? wordsOf(row) : { caption: "", label: "" };
        tile.draw({ ...state, ...words, row, picture: row && store.picture(`photo ${row[0]}`) });
      };
      return { element: tile.element, draw };
    },
    draws: () => 0,
    lastKey: (image) => `photo ${image}`,
  };
}

/** Width that a picture has at least in a grid so wide. */
export function least(width: number): number {
  return width < NARROW ? LEAST.narrow : LEAST.wide;
}
