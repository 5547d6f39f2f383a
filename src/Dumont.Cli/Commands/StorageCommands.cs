using Dumont.Cli.Grammar;

namespace Dumont.Cli.Commands;

internal static class StorageCommands
{
    public static readonly Text Summary = new("Where snapshots go: this server, B2, S3, R2, GCS", "Para onde vão os snapshots: este servidor, B2, S3, R2, GCS");

    private const string Path = "/api/v1/settings/cloud-storage";

    private static readonly KeySpec[] Keys =
    [
        new("primary_provider", KeyType.Choice, new("whose storage", "armazenamento de quem"))
        {
            Values = ["local", "backblaze_b2", "aws_s3", "google_gcs", "cloudflare_r2", "s3"],
            Aliases = ["provider"],
        },
        new("engine", KeyType.Choice, new("what makes the snapshots", "o que faz os snapshots")) { Values = ["dumont", "restic"] },
        new("endpoint", KeyType.Text, new("URL of the service, for s3 and cloudflare_r2", "URL do serviço, para s3 e cloudflare_r2")) { Aliases = ["s3_endpoint"] },
        new("region", KeyType.Text, new("region of the bucket", "região do bucket")) { Aliases = ["s3_region"] },
        new("bucket", KeyType.Text, new("name of the bucket", "nome do bucket")) { Aliases = ["b2_bucket", "b2_bucket_name", "s3_bucket_name", "gcs_bucket_name"] },
        new("prefix", KeyType.Text, new("where in the bucket", "onde no bucket")) { Default = "dumont" },
        new("access_key", KeyType.Text, new("id of the key", "id da chave")) { Aliases = ["b2_key_id", "s3_access_key"] },
        new("secret_key", KeyType.Text, new("the key itself: =@file", "a chave em si: =@arquivo")) { Aliases = ["b2_app_key", "s3_secret_key"] },
    ];

    public static ResourceSpec Make() => new("storage", Summary,
    [
        new("get", ApiMethod.Get, Path, new("Show where snapshots go", "Mostra para onde vão os snapshots"), ["storage get", "storage get -o json"])
        {
            Aliases = ["list", "show"],
        },
        new("set", ApiMethod.Put, Path, new("Say where snapshots go", "Diz para onde vão os snapshots"),
            [
                "storage set provider=backblaze_b2 region=us-west-004 bucket=my-snapshots access_key=004abc secret_key=@key.txt",
                "storage set provider=local engine=restic",
            ])
        {
            Aliases = ["update"],
            Keys = Keys,
        },
        new("test", ApiMethod.Post, Path + "/test", new("Write, read and delete an object there", "Escreve, lê e apaga um objeto lá"),
            ["storage test", "storage test bucket=other-bucket"])
        {
            Keys = Keys,
        },
    ]);
}
