using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>Copying files between instances and volumes.</summary>
internal sealed partial class CopyEndpoints(CopyDesk desk)
{
    private const int PathMax = 4096;

    private static readonly CloudOperation Copies = CloudOperation.Of("vast", CloudOperation.Copy);

    public void Map(RouteGroupBuilder v0)
    {
        v0.MapPut("/commands/copy_direct", (Delegate)CopyAsync).Does(Copies);
        v0.MapDelete("/commands/copy_direct", (Delegate)CancelAsync).Does(Copies);
    }

    private async Task<IResult> CopyAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        return Place(body, "src_id", "src_path", out var from) ?? Place(body, "dst_id", "dst_path", out var to) ?? InstanceEndpoints.Answer(desk.Begin(from!, to!));
    }

    private async Task<IResult> CancelAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        if (Id(body, "dst_id", out var kind, out var id) is { } problem)
        {
            return problem;
        }

        desk.Cancel(kind, id);
        return InstanceEndpoints.Answer(null);
    }

    private static VastProblem? Place(JsonObject body, string idName, string pathName, out CopyPlace? place)
    {
        place = null;
        if (Id(body, idName, out var kind, out var id) is { } problem)
        {
            return problem;
        }

        var path = body.Text(pathName);
        var isPath = path is { Length: > 0 and <= PathMax } && path[0] == '/' && !path.Contains('\0', StringComparison.Ordinal) && !path.Split('/').Contains("..");
        if (!isPath)
        {
            return VastProblem.InvalidArguments($"{pathName} is not an absolute path without '..'");
        }

        place = new CopyPlace(kind, id, path!);
        return null;
    }

    private static VastProblem? Id(JsonObject body, string name, out CopyKind kind, out long id)
    {
        (kind, id) = (CopyKind.Instance, 0);
        var text = body.Text(name) ?? "local";
        var match = Container().Match(text);
        if (match.Success)
        {
            (kind, id) = (match.Groups["volume"].Success ? CopyKind.Volume : CopyKind.Instance, long.Parse(match.Groups["id"].Value, CultureInfo.InvariantCulture));
            return null;
        }

        return text == "local" || Cloud().IsMatch(text)
            ? VastProblem.NotSupported($"copying from or to {text}")
            : VastProblem.InvalidArguments($"{name} '{text}' is neither C.<instance>, V.<volume> nor an instance id");
    }

    // An instance may come without its letter, and with the path that the official client leaves on a cancellation.
    [GeneratedRegex(@"^(?:C\.|(?<volume>V\.))?(?<id>\d{1,18})(?::.*)?$")]
    private static partial Regex Container();

    [GeneratedRegex(@"^(?:drive|s3|b2|dropbox|hf)(?:\.\d+)?$")]
    private static partial Regex Cloud();
}
