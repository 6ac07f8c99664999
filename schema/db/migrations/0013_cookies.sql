CREATE TABLE `cookie_jars` (
	`id` text PRIMARY KEY NOT NULL,
	`owner` text NOT NULL,
	`site` text NOT NULL,
	`domains` text NOT NULL,
	`exit` text,
	`state` text NOT NULL,
	`refusals` integer DEFAULT 0 NOT NULL,
	`sealed` text NOT NULL,
	`key_id` text NOT NULL,
	`revision` text NOT NULL,
	`cookies` integer NOT NULL,
	`set_at` integer NOT NULL,
	`renewed_at` integer,
	`used_at` integer,
	`stale_at` integer,
	`stale_code` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `cookie_jars_owner_site` ON `cookie_jars` (`owner`,`site`);