using Dumont.Snapshots;

namespace Dumont.Cli.Actions.Repo;

/// <summary>Opens the place that a command line names.</summary>
internal static class RepoStores
{
    private const string S3Scheme = "s3://";

    public static IObjectStore Open(CommandContext context)
    {
        var variables = context.Environment.Variables;
        var place = Keys.Text(context, "repo") ?? variables.GetValueOrDefault("DUMONT_REPO");
        if (string.IsNullOrEmpty(place))
        {
            throw new UsageException(
                new("no repository was named", "nenhum repositório foi indicado"),
                new("--repo /mnt/backup, --repo s3://bucket/prefix, or DUMONT_REPO", "--repo /mnt/backup, --repo s3://bucket/prefixo, ou DUMONT_REPO"));
        }

        if (!place.StartsWith(S3Scheme, StringComparison.Ordinal))
        {
            return new DirectoryObjectStore(Keys.Path(context, place));
        }

        return OpenBucket(context, place);
    }

    private static S3ObjectStore OpenBucket(CommandContext context, string place)
    {
        string Variable(string name, Text what) => context.Environment.Variables.GetValueOrDefault(name) is { Length: > 0 } value
            ? value
            : throw new UsageException(new($"{what.English} is missing", $"{what.Portuguese} está faltando"), new($"set {name}", $"defina {name}"));

        var endpoint = Keys.Text(context, "endpoint") ?? Variable("AWS_ENDPOINT_URL", new("the address of the S3 service (endpoint)", "o endereço do serviço S3 (endpoint)"));
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw new UsageException(new($"endpoint '{endpoint}' is no http or https address", $"endpoint '{endpoint}' não é um endereço http ou https"));
        }

        var credentials = new S3Credentials(
            Variable("AWS_ACCESS_KEY_ID", new("the access key", "a chave de acesso")),
            Variable("AWS_SECRET_ACCESS_KEY", new("the secret key", "a chave secreta")),
            context.Environment.Variables.GetValueOrDefault("AWS_SESSION_TOKEN"));
        var region = Keys.Text(context, "region") ?? context.Environment.Variables.GetValueOrDefault("AWS_REGION") ?? "us-east-1";
        try
        {
            return new S3ObjectStore(S3StoreOptions.ForLocation(place, address, region, credentials));
        }
        catch (ArgumentException e)
        {
            throw new UsageException(e.Message);
        }
    }
}
