using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Vast;

/// <summary>Copying files between instances and volumes.</summary>
internal sealed partial class CopyEndpoints(CopyDesk desk, ContractBook contracts)
{
    private const int PathMax = 4096;
    private const string Here = "local";
    private const string Rsync = "/usr/bin/rsync";

    private static readonly CloudOperation Copies = CloudOperation.Of("vast", CloudOperation.Copy);

    public void Map(RouteGroupBuilder v0)
    {
        v0.MapPut("/commands/copy_direct", (Delegate)CopyAsync).Does(Copies);
        v0.MapPut("/commands/rsync", (Delegate)CopyAsync).Does(Copies);
        v0.MapDelete("/commands/copy_direct", (Delegate)CancelAsync).Does(Copies);
    }

    private async Task<IResult> CopyAsync(HttpContext http)
    {
        var body = await RequestBody.ReadAsync(http);
        var (fromHere, toHere) = ((body.Text("src_id") ?? Here) == Here, (body.Text("dst_id") ?? Here) == Here);
        if (fromHere || toHere)
        {
            return fromHere && toHere
                ? VastProblem.InvalidArguments("one of src_id and dst_id must be an instance")
                : Meet(body, fromHere ? "dst" : "src");
        }

        return Place(body, "src_id", "src_path", out var from) ?? Place(body, "dst_id", "dst_path", out var to) ?? InstanceEndpoints.Answer(desk.Begin(from!, to!));
    }

    // The client carries the files itself, with rsync to the machine's sshd; it needs to know where that is.
    private IResult Meet(JsonObject body, string side)
    {
        if (Place(body, side + "_id", side + "_path", out var place) is { } problem)
        {
            return problem;
        }

        if (place!.Kind == CopyKind.Volume)
        {
            return VastProblem.InvalidArguments("a volume can be copied to and from instances and volumes only");
        }

        if (!File.Exists(Rsync))
        {
            return VastProblem.NotSupported($"copying to and from a client on a computer without {Rsync}");
        }

        lock (contracts.Gate)
        {
            return contracts.Find(place.Id) switch
            {
                null => VastProblem.NoSuchInstance(place.Id),
                { ActualStatus: "running" } contract => new JsonAnswer(new JsonObject
                {
                    ["success"] = true,
                    [side + "_addr"] = contract.Address,
                    [side + "_port"] = contract.SshPort,
                }),
                _ => VastProblem.InvalidRequest($"instance {place.Id} is not running"),
            };
        }
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
        var text = body.Text(name) ?? Here;
        var match = Container().Match(text);
        if (match.Success)
        {
            (kind, id) = (match.Groups["volume"].Success ? CopyKind.Volume : CopyKind.Instance, long.Parse(match.Groups["id"].Value, CultureInfo.InvariantCulture));
            return null;
        }

        return text == Here || Cloud().IsMatch(text)
            ? VastProblem.NotSupported($"copying from or to {text}")
            : VastProblem.InvalidArguments($"{name} '{text}' is neither C.<instance>, V.<volume> nor an instance id");
    }

    // An instance may come without its letter, and with the path that the official client leaves on a cancellation.
    [GeneratedRegex(@"^(?:C\.|(?<volume>V\.))?(?<id>\d{1,18})(?::.*)?$")]
    private static partial Regex Container();

    [GeneratedRegex(@"^(?:drive|s3|b2|dropbox|hf)(?:\.\d+)?$")]
    private static partial Regex Cloud();
}
